// LZ4's block format (lz4/doc/lz4_Block_format.md) through the system's library.

private import CLZ4

/// Compression of batch bodies. Thread-safe.
package enum LZ4Block {
    /// The compressed bytes, or nil where compression does not save at least 1/16: such a body is stored as it is.
    package static func compress(_ raw: [UInt8]) -> [UInt8]? {
        let room = raw.count - raw.count / 16
        guard raw.count >= 64, room > 0 else { return nil }
        let output = unsafe [UInt8](unsafeUninitializedCapacity: room) { target, count in
            let written = unsafe raw.withUnsafeBytes { source in
                unsafe LZ4_compress_default(
                    source.baseAddress, UnsafeMutableRawPointer(target.baseAddress), Int32(source.count), Int32(room))
            }
            count = Int(max(0, written))
        }
        return output.isEmpty ? nil : output
    }

    /// Exactly `rawLength` bytes, or an error. `rawLength` was checked against the limit before this allocates.
    package static func decompress(_ body: ArraySlice<UInt8>, rawLength: Int) throws(BatchError) -> [UInt8] {
        let output = unsafe [UInt8](unsafeUninitializedCapacity: rawLength) { target, count in
            let written = unsafe body.withUnsafeBytes { source in
                unsafe LZ4_decompress_safe(
                    source.baseAddress, UnsafeMutableRawPointer(target.baseAddress), Int32(source.count),
                    Int32(rawLength))
            }
            count = Int(max(0, written))
        }
        guard output.count == rawLength else { throw .badCompression }
        return output
    }
}
