// CRC32C (Castagnoli): the checksum of batch headers, bodies, group frames and metadata files.

private import CChecksum

/// Detects every burst of up to 32 bits and all but 2^-32 of the rest. No protection against intent: chains have digests.
package enum CRC32C {
    /// Complexity: O(bytes), by the processor's instruction where there is one.
    package static func checksum(_ bytes: borrowing RawSpan, extending crc: UInt32 = 0) -> UInt32 {
        unsafe bytes.withUnsafeBytes { raw in unsafe meridian_crc32c(crc, raw.baseAddress, raw.count) }
    }

    package static func checksum(_ bytes: [UInt8], extending crc: UInt32 = 0) -> UInt32 {
        unsafe checksum(bytes.span.bytes, extending: crc)
    }

    /// The table-driven form, for tests.
    package static func portableChecksum(_ bytes: [UInt8], extending crc: UInt32 = 0) -> UInt32 {
        unsafe bytes.withUnsafeBytes { raw in unsafe meridian_crc32c_portable(crc, raw.baseAddress, raw.count) }
    }
}

extension [UInt8] {
    /// CRC32C of a range of the array. Precondition: the range lies inside.
    package func checksum(of range: Range<Int>) -> UInt32 {
        let all = self.span
        return unsafe CRC32C.checksum(all.bytes.extracting(range))
    }
}

extension ArraySlice<UInt8> {
    /// CRC32C of a range that counts from the start of the slice. Precondition: the range lies inside.
    package func checksum(of range: Range<Int>) -> UInt32 {
        let all = self.span
        return unsafe CRC32C.checksum(all.bytes.extracting(range))
    }
}

extension ByteWriter {
    /// CRC32C of a range of what was written.
    package func checksum(of range: Range<Int>) -> UInt32 { bytes.checksum(of: range) }
}
