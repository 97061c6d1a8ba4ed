// Checksums made right, by the byte tables of the formats.

import ClusterModel

enum Checksums {
    /// Files with a magic in bytes 0-3, and in 4-7 the CRC32C of everything behind.
    static func sealWhole(_ bytes: inout [UInt8]) {
        guard bytes.count >= 8 else { return }
        seal(&bytes, at: 4, over: 8..<bytes.count)
    }

    /// Batches, of which several may follow each other: the body's at 12, the header's at 4.
    static func sealBatch(_ bytes: inout [UInt8], at start: Int, length: Int) {
        guard length >= 128, start + length <= bytes.count else { return }
        seal(&bytes, at: start + 12, over: start + 128..<start + length)
        seal(&bytes, at: start + 4, over: start + 8..<start + 128)
    }

    /// The groups of a segment: each frame begins a sector with "MRDG".
    static func sealSegment(_ bytes: inout [UInt8]) {
        for start in stride(from: 0, to: bytes.count, by: 512) where start + 64 <= bytes.count {
            guard bytes[start..<start + 4].elementsEqual([0x4d, 0x52, 0x44, 0x47]) else { continue }
            let count = Int(clamping: word(bytes, at: start + 56))
            let table = start + 64 + min(count, 4_096) * 32
            guard table <= bytes.count else { continue }
            var batch = table
            for entry in 0..<min(count, 4_096) {
                let length = Int(clamping: word(bytes, at: start + 64 + entry * 32 + 24))
                guard length <= bytes.count - batch else { break }
                sealBatch(&bytes, at: batch, length: length)
                batch += length
            }
            seal(&bytes, at: start + 4, over: start + 8..<table)
        }
    }

    static func seal(_ bytes: inout [UInt8], at place: Int, over range: Range<Int>) {
        guard place + 4 <= range.lowerBound, range.upperBound <= bytes.count else { return }
        let sum = bytes.checksum(of: range)
        for index in 0..<4 { bytes[place + index] = UInt8(truncatingIfNeeded: sum >> UInt32(8 * index)) }
    }

    static func word(_ bytes: [UInt8], at place: Int) -> UInt32 {
        (0..<4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32(bytes[place + $1]) }
    }
}
