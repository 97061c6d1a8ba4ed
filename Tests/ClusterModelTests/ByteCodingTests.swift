// Canonical bytes: what is written reads back, and nothing read from outside traps.

import ClusterModel
import Testing

@Suite struct ByteCodingTests {
    @Test func valuesReadBack() throws {
        var writer = ByteWriter()
        writer.write(UInt16(0xabcd))
        writer.write(UInt64.max)
        writer.writeVarint(300)
        writer.write("grüße")
        writer.write(Digest128(high: 1, low: 2))
        var reader = ByteReader(writer.bytes)
        #expect(try reader.read(UInt16.self) == 0xabcd)
        #expect(try reader.read(UInt64.self) == .max)
        #expect(try reader.readVarint() == 300)
        #expect(try reader.readString(limit: 16) == "grüße")
        #expect(try reader.readDigest() == Digest128(high: 1, low: 2))
        try reader.expectEnd()
    }

    @Test(arguments: [0, 1, 127, 128, 16_383, 16_384, UInt64.max - 1, UInt64.max])
    func varintsHaveOneForm(value: UInt64) throws {
        var writer = ByteWriter()
        writer.writeVarint(value)
        var reader = ByteReader(writer.bytes)
        #expect(try reader.readVarint() == value)
        // The same number with a needless continuation is another encoding: refused.
        var longer = writer.bytes
        longer[longer.count - 1] |= 0x80
        longer.append(0)
        var second = ByteReader(longer)
        #expect(throws: ByteCodingError.self) { try second.readVarint() }
    }

    @Test func lengthsAreCheckedBeforeAllocation() {
        var writer = ByteWriter()
        writer.writeVarint(1 << 60)
        var reader = ByteReader(writer.bytes)
        #expect(throws: ByteCodingError(.tooLong(length: 1 << 60, limit: 10), at: 0)) {
            try reader.readLengthPrefixed(limit: 10)
        }
    }

    @Test func badTextAndLeftoversAreTyped() throws {
        var text = ByteReader([2, 0xff, 0xfe])
        #expect(throws: ByteCodingError(.invalidUTF8, at: 0)) { try text.readString(limit: 10) }
        #expect(throws: ByteCodingError(.trailingBytes(1), at: 0)) { try ByteReader([1]).expectEnd() }
        var short = ByteReader([1, 2])
        #expect(throws: ByteCodingError(.truncated(needed: 2), at: 0)) { try short.read(UInt32.self) }
    }
}
