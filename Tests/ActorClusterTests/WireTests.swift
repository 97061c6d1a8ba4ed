// Values on the wire: what is written comes back, and nothing else is taken.

import ActorCluster
import ClusterModel
import NodeEnvironment
import Testing

@Suite struct WireTests {
    private func roundTrips<Value: Wire & Equatable>(_ value: Value, bytes: Int? = nil) throws {
        var writer = ByteWriter()
        value.encode(into: &writer)
        if let bytes { #expect(writer.count == bytes) }
        var reader = ByteReader(writer.bytes)
        #expect(try Value(from: &reader) == value)
        try reader.expectEnd()
        for end in 0..<writer.count {
            var cut = ByteReader(writer.bytes, in: 0..<end)
            #expect(throws: ByteCodingError.self) { _ = try Value(from: &cut) }
        }
    }

    @Test func standardTypesRoundTrip() throws {
        try roundTrips(UInt8.max, bytes: 1)
        try roundTrips(UInt16(0x1234), bytes: 2)
        try roundTrips(UInt32(7), bytes: 4)
        try roundTrips(UInt64.max, bytes: 8)
        try roundTrips(Int8(-1), bytes: 1)
        try roundTrips(Int16.min, bytes: 2)
        try roundTrips(Int32(-7), bytes: 4)
        try roundTrips(Int64.min, bytes: 8)
        try roundTrips(Int(-1), bytes: 8)
        try roundTrips(true, bytes: 1)
        try roundTrips("Ünïcode", bytes: 10)
        try roundTrips([UInt8](0...99), bytes: 101)
        try roundTrips([Int64]([1, -1]), bytes: 17)
        try roundTrips(["a", ""], bytes: 4)
        try roundTrips([[true], []], bytes: 4)
        try roundTrips(Optional(UInt16(1)), bytes: 3)
        try roundTrips(UInt16?.none, bytes: 1)
    }

    @Test func identitiesRoundTrip() throws {
        let name = LogName(region: RegionNumber(9), topic: .userEvents, partition: PartitionID(63))
        let log = LogIdentity(name: name, incarnation: Incarnation(77))
        try roundTrips(LogPosition(log: log, epoch: Epoch(3), offset: Offset(1_000)), bytes: 32)
        try roundTrips(EventID(time: 1, client: 2), bytes: 16)
        try roundTrips(Digest128(high: 3, low: 4), bytes: 16)
        try roundTrips(UserKey(userID: "u"), bytes: 16)
        try roundTrips(HybridStamp(rawValue: 5), bytes: 8)
        try roundTrips(WallTime(milliseconds: 6), bytes: 8)
    }

    @Test(arguments: [[2], [0xff]]) func booleansHaveOneEncodingEach(bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        #expect(throws: ByteCodingError.self) { _ = try Bool(from: &reader) }
    }

    @Test func lengthsAreCheckedBeforeAnythingIsAllocated() {
        // A count of 2^40 with nothing behind it.
        let huge: [UInt8] = [0x80, 0x80, 0x80, 0x80, 0x80, 0x20]
        var reader = ByteReader(huge)
        #expect(throws: ByteCodingError.self) { _ = try [Int64](from: &reader) }
        reader = ByteReader(huge)
        #expect(throws: ByteCodingError.self) { _ = try [UInt8](from: &reader) }
        reader = ByteReader(huge)
        #expect(throws: ByteCodingError.self) { _ = try String(from: &reader) }
    }
}
