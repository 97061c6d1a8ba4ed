// What operators did against a node's advice outlives the process (FAULTS 1.38).

import ClusterModel
import Logging
import NodeEnvironment
import OperatorAPI
import SimulatedEnvironment
import Testing

@testable import MeridianNode

@Suite struct OperatorJournalTests {
    private let files = SimulatedFileStore()
    private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    init() throws { try files.createDirectory("data") }

    private func open() -> OperatorJournal { OperatorJournal(directory: "data", files: files, logger: quiet) }

    private static func event(_ number: UInt64, reason: String = "no room") -> OperatorEvent {
        OperatorEvent(
            .forcedEvacuation, at: WallTime(milliseconds: number), caller: "meridian://shop/client/ann", reason: reason)
    }

    @Test func aForcedEvacuationIsKnownAfterARestart() {
        let journal = open()
        #expect(journal.events.isEmpty)
        journal.record(Self.event(1))
        journal.record(Self.event(2))
        #expect(open().events == [Self.event(1), Self.event(2)])
    }

    @Test func theNewestAreKept() {
        let journal = open()
        for number in 0..<40 { journal.record(Self.event(UInt64(number))) }
        #expect(open().events == (8..<40).map { Self.event($0) })
    }

    @Test func whatIsTooLongIsCutAndStillVerifies() throws {
        let journal = open()
        journal.record(Self.event(1, reason: String(repeating: "\u{e9}", count: 5_000)))
        let read = try #require(open().events.first)
        #expect(read.reason.utf8.count == 1_024)
    }

    @Test func damageIsRefusedAndKeepsNoNodeFromStarting() throws {
        let bytes = OperatorJournal.encode([Self.event(7)])
        #expect(try OperatorJournal.decode(bytes) == [Self.event(7)])
        for bit in 0..<bytes.count * 8 {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << (bit % 8)
            #expect(throws: (any Error).self, "bit \(bit)") { try OperatorJournal.decode(damaged) }
        }
    }

    @Test func aCapacityTravels() throws {
        var capacity = RegionCapacity(state: .fenced)
        capacity.isRefusingWrites = true
        (capacity.freeBytes, capacity.callLimit, capacity.lagEvents) = (.max, 9, 300)
        var writer = ByteWriter(reservingCapacity: 64)
        capacity.encode(into: &writer)
        var reader = ByteReader(writer.bytes)
        #expect(try RegionCapacity(from: &reader) == capacity)
        try reader.expectEnd()
    }
}
