// Protobuf's wire format by hand (protobuf.dev, "Encoding"), for the one reply that is worth it: building messages and
// encoding them costs more than ranking a slate. Fields with default values are left out, as proto3 does.

import NIOCore

/// Appends fields to an array, whose appends are a fraction of a `ByteBuffer`'s. Field numbers below 16.
struct ProtobufWriter {
    private var bytes: [UInt8] = []

    init(reservingCapacity capacity: Int) { bytes.reserveCapacity(capacity) }

    /// The message so far.
    var buffer: ByteBuffer { ByteBuffer(bytes: bytes) }

    mutating func write(_ field: UInt8, varint value: UInt64) {
        guard value != 0 else { return }
        bytes.append(field << 3)
        writeVarint(value)
    }

    /// An `optional` field: written whatever its value.
    mutating func writePresent(_ field: UInt8, bool value: Bool) {
        bytes.append(field << 3)
        bytes.append(value ? 1 : 0)
    }

    mutating func write(_ field: UInt8, fixed64 value: UInt64) {
        guard value != 0 else { return }
        bytes.append(field << 3 | 1)
        for shift in 0..<8 as Range<UInt64> { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * shift))) }
    }

    mutating func write(_ field: UInt8, float value: Float32) {
        guard value.bitPattern != 0 else { return }
        bytes.append(field << 3 | 5)
        let bits = value.bitPattern
        for shift in 0..<4 as Range<UInt32> { bytes.append(UInt8(truncatingIfNeeded: bits >> (8 * shift))) }
    }

    mutating func write(_ field: UInt8, bytes value: [UInt8]) {
        guard !value.isEmpty else { return }
        beginNested(field, count: value.count)
        bytes.append(contentsOf: value)
    }

    mutating func write(_ field: UInt8, text: String) {
        let count = text.utf8.count
        guard count > 0 else { return }
        beginNested(field, count: count)
        bytes.append(contentsOf: text.utf8)
    }

    /// `count` bytes of an embedded message follow.
    mutating func beginNested(_ field: UInt8, count: Int) {
        bytes.append(field << 3 | 2)
        writeVarint(UInt64(count))
    }

    private mutating func writeVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    // MARK: What a field takes, so that an embedded message can be written after its length

    static func size(varint value: UInt64) -> Int { value == 0 ? 0 : 1 + varintSize(value) }

    static func size(bytes count: Int) -> Int { count == 0 ? 0 : 1 + varintSize(UInt64(count)) + count }

    static func size(fixed64 value: UInt64) -> Int { value == 0 ? 0 : 9 }

    static func size(float value: Float32) -> Int { value.bitPattern == 0 ? 0 : 5 }

    private static func varintSize(_ value: UInt64) -> Int { max(1, (70 - value.leadingZeroBitCount) / 7) }
}
