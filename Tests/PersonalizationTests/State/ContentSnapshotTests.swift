// Snapshots of the catalogue: what is written reads back, and damage is refused (S8).

import ClusterModel
import EventLog
import SimulatedEnvironment
import Testing

@testable import Personalization

@Suite struct ContentSnapshotTests {
    private func state(items: Int) throws -> ContentState {
        var state = ContentState(limit: 100)
        let region = RegionNumber(1)
        let opening = EventRecord(
            kind: .opening, stamp: HybridStamp(rawValue: 1), id: EventID(time: 0, client: 0),
            body: OpeningRecord(predecessor: nil, applyVersion: 1).body)
        try state.apply(opening, in: region, Incarnation(3), at: .zero)
        for number in 0..<items {
            let item = try ContentItem(id: "item-\(number)", title: "one", publishedAt: WallTime(milliseconds: 5))
            let event = ContentEvent.publish(item)
            let record = EventRecord(
                kind: event.kind, stamp: HybridStamp(rawValue: 2), id: EventID(time: UInt64(number + 1), client: 7),
                body: event.body)
            try state.apply(record, in: region, Incarnation(3), at: Offset(UInt64(number + 1)))
        }
        return state
    }

    @Test func itReadsBack() throws {
        let written = try state(items: 12)
        let store = SnapshotStore(directory: "snapshots", files: SimulatedFileStore())
        try store.saveContent(ContentSnapshot.encode(try state(items: 3)))
        try store.saveContent(ContentSnapshot.encode(written))
        let read = try #require(try store.loadContent(limit: 100).state)
        #expect(read.catalogue.digest == written.catalogue.digest)
        #expect(read.lines == written.lines)
        #expect(read.catalogue.count == 12)
    }

    @Test("A flipped bit in any byte is refused, and the older one serves")
    func damage() throws {
        let bytes = ContentSnapshot.encode(try state(items: 2))
        for byte in bytes.indices {
            var damaged = bytes
            damaged[byte] ^= 1 << UInt8(byte % 8)
            #expect(throws: SnapshotError.self, "byte \(byte)") { try ContentSnapshot.decode(damaged, limit: 100) }
        }
    }
}
