// Protobuf's wire format by hand (protobuf.dev, "Encoding"), for the one reply that is worth it: building messages and
// encoding them costs more than ranking a slate. Fields with default values are left out, as proto3 does.

import NIOCore

/// Appends fields to a buffer. Field numbers below 16.
struct ProtobufWriter {
    private(set) var buffer: ByteBuffer

    init(reservingCapacity capacity: Int) {
        buffer = ByteBuffer()
        buffer.reserveCapacity(capacity)
    }

    mutating func write(_ field: UInt8, varint value: UInt64) {
        guard value != 0 else { return }
        buffer.writeInteger(field << 3)
        writeVarint(value)
    }

    /// An `optional` field: written whatever its value.
    mutating func writePresent(_ field: UInt8, bool value: Bool) {
        buffer.writeInteger(field << 3)
        buffer.writeInteger(value ? 1 : 0 as UInt8)
    }

    mutating func write(_ field: UInt8, fixed64 value: UInt64) {
        guard value != 0 else { return }
        buffer.writeInteger(field << 3 | 1)
        buffer.writeInteger(value, endianness: .little)
    }

    mutating func write(_ field: UInt8, float value: Float32) {
        guard value.bitPattern != 0 else { return }
        buffer.writeInteger(field << 3 | 5)
        buffer.writeInteger(value.bitPattern, endianness: .little)
    }

    mutating func write(_ field: UInt8, bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        beginNested(field, count: bytes.count)
        buffer.writeBytes(bytes)
    }

    mutating func write(_ field: UInt8, text: String) {
        let count = text.utf8.count
        guard count > 0 else { return }
        beginNested(field, count: count)
        buffer.writeString(text)
    }

    /// `count` bytes of an embedded message follow.
    mutating func beginNested(_ field: UInt8, count: Int) {
        buffer.writeInteger(field << 3 | 2)
        writeVarint(UInt64(count))
    }

    private mutating func writeVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            buffer.writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        buffer.writeInteger(UInt8(truncatingIfNeeded: rest))
    }

    // MARK: What a field takes, so that an embedded message can be written after its length

    static func size(varint value: UInt64) -> Int { value == 0 ? 0 : 1 + varintSize(value) }

    static func size(bytes count: Int) -> Int { count == 0 ? 0 : 1 + varintSize(UInt64(count)) + count }

    static func size(fixed64 value: UInt64) -> Int { value == 0 ? 0 : 9 }

    static func size(float value: Float32) -> Int { value.bitPattern == 0 ? 0 : 5 }

    private static func varintSize(_ value: UInt64) -> Int { max(1, (70 - value.leadingZeroBitCount) / 7) }
}
