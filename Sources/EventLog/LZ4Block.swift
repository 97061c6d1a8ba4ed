// LZ4's block format (lz4/doc/lz4_Block_format.md) through the system's library.

private import CLZ4

/// Compression of batch bodies. Thread-safe.
package enum LZ4Block {
    /// `free` zeros and the compressed form of what stands behind the first `free` bytes of `bytes`; nil where compression
    /// does not save at least 1/16 of it: such a body is stored as it is.
    package static func compress(_ bytes: [UInt8], behind free: Int = 0) -> [UInt8]? {
        let raw = bytes.count - free
        let room = raw - raw / 16
        guard free >= 0, raw >= 64 else { return nil }
        let output = unsafe [UInt8](unsafeUninitializedCapacity: free + room) { target, count in
            let written = unsafe bytes.withUnsafeBytes { source in
                unsafe LZ4_compress_default(
                    source.baseAddress?.advanced(by: free),
                    UnsafeMutableRawPointer(target.baseAddress)?.advanced(by: free), Int32(raw), Int32(room))
            }
            if written > 0 {
                unsafe target[..<free].initialize(repeating: 0)
                count = free + Int(written)
            }
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
