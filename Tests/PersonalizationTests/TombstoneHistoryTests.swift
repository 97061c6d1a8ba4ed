// Histories of three regions from a seed: it does not matter when a replica forgets withdrawn ids, nor in which order it has
// heard of anything (S3, S5, S10).

import ClusterModel
import EventLog
import MergeableState
import NodeEnvironment
import Testing

@testable import Personalization

@Suite struct TombstoneHistoryTests {
    private static let members = [1, 2, 3].map { RegionNumber($0) }
    private static let bounds = TimeBounds.standard

    /// What three regions have written, each behind its door, and then a time mark after everything was over.
    private struct History {
        var logs: [RegionNumber: [EventRecord]] = [:]
        var now = WallTime(milliseconds: 1_700_000_000_000)
        private var stamps: [RegionNumber: HybridStamp] = [:]
        private var written: [(id: EventID, event: ContentEvent)] = []

        init(_ generator: inout SeededGenerator, writes: Int) throws {
            let none = EventID(time: 0, client: 0)
            for region in TombstoneHistoryTests.members {
                append(.opening, none, OpeningRecord(predecessor: nil, applyVersion: 2).body, region)
                append(.ends, none, try #require(EndsRecord([])).body, region)
            }
            for _ in 0..<writes {
                now = now.advanced(by: .milliseconds(Int64(generator.next() % 40_000)))
                let region = TombstoneHistoryTests.members[Int(generator.next() % 3)]
                try write(&generator, region)
            }
            let bounds = TombstoneHistoryTests.bounds
            now = now.advanced(by: bounds.forgetAfter + bounds.maxFuture + .seconds(1))
            for region in TombstoneHistoryTests.members { append(.timeMark, none, [], region) }
        }

        private mutating func append(_ kind: RecordKind, _ id: EventID, _ body: [UInt8], _ region: RegionNumber) {
            let stamp = max(HybridStamp(at: now), stamps[region] ?? .zero)
            stamps[region] = stamp
            logs[region, default: []].append(EventRecord(kind: kind, stamp: stamp, id: id, body: body))
        }

        /// An event whose id may lie anywhere in the door's window, or one more attempt of one that was written somewhere.
        private mutating func write(_ generator: inout SeededGenerator, _ region: RegionNumber) throws {
            let again = generator.next() % 4 == 0 ? written.randomElement(using: &generator) : nil
            let age = Duration.milliseconds(Int64(generator.next() % 605_000) - 5_000)
            let number = generator.next() % 6
            let id = EventID(at: now.advanced(by: .zero - age), sequence: 0, client: generator.next() % 50)
            let event: ContentEvent =
                generator.next() % 2 == 0
                ? .publish(try ContentSamples.item("item-\(number)"))
                : .withdraw(try ContentWithdrawal(id: "item-\(number)"))
            let attempt = again ?? (id: id, event: event)
            let stamp = max(HybridStamp(at: now), stamps[region] ?? .zero)
            guard TombstoneHistoryTests.bounds.verdict(on: attempt.id, at: stamp) == .admitted else { return }
            written.append(attempt)
            append(.content, attempt.id, attempt.event.body, region)
        }
    }

    /// How a replica forgets.
    private enum Manner: CaseIterable {
        case never
        case atOnce
        case nowAndThen
        /// Against the rule, by R: what this suite has to notice.
        case tooEarly
    }

    /// The fold of all logs, each in its order, otherwise by chance.
    private func fold(
        _ history: History, _ manner: Manner, _ generator: inout SeededGenerator,
        at vector: (VersionVector, ContentState) -> Void = { _, _ in }
    ) throws -> ContentState {
        var state = ContentState(limit: 100)
        var left = history.logs
        while !left.isEmpty {
            let region = Array(left.keys.sorted())[Int(generator.next() % UInt64(left.count))]
            // Runs: one region is far ahead of the others for a while.
            for _ in 0..<(1 + generator.next() % 12) {
                guard let records = left[region], let total = history.logs[region]?.count else { break }
                let offset = Offset(UInt64(total - records.count))
                try state.apply(records[0], in: region, Incarnation(7), at: offset)
                left[region] = records.count > 1 ? Array(records.dropFirst()) : nil
                forget(&state, manner, &generator)
                vector(state.lines.vector, state)
            }
        }
        return state
    }

    private func forget(_ state: inout ContentState, _ manner: Manner, _ generator: inout SeededGenerator) {
        switch manner {
        case .never: return
        case .atOnce: state.forget(members: Self.members, bounds: Self.bounds)
        case .nowAndThen:
            if generator.next() % 20 == 0 { state.forget(members: Self.members, bounds: Self.bounds) }
        case .tooEarly:
            guard let time = state.lines.time(over: Self.members) else { return }
            state.catalogue.forget(before: time)
        }
    }

    /// S10: equal vectors, equal digests, on the way too; and in the end nothing is remembered that nobody needs.
    @Test(arguments: 0..<40 as Range<UInt64>) func itDoesNotMatterWhenTombstonesGo(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let history = try History(&generator, writes: 120)
        var digests: [VersionVector: Digest128] = [:]
        var ends: [ContentState] = []
        for manner in [Manner.never, .atOnce, .atOnce, .nowAndThen, .nowAndThen] {
            ends.append(
                try fold(history, manner, &generator) { vector, state in
                    let known = digests.updateValue(state.catalogue.digest, forKey: vector)
                    #expect(known == nil || known == state.catalogue.digest, "seed \(seed), \(manner), \(vector)")
                })
        }
        #expect(Set(ends.map(\.catalogue.digest)).count == 1, "seed \(seed)")
        #expect(Set(ends.map(\.catalogue.liveCount)).count == 1, "seed \(seed)")
        #expect(ends[1].catalogue.tombstoneCount == 0 && ends[2].catalogue.tombstoneCount == 0, "seed \(seed)")
    }

    /// The histories are such that a shorter time is found out.
    @Test func aReplicaThatForgetsTooEarlyIsFoundOut() throws {
        let found = try (0..<40 as Range<UInt64>).count { seed in
            var generator = SeededGenerator(seed: seed)
            let history = try History(&generator, writes: 120)
            let right = try fold(history, .atOnce, &generator)
            return try fold(history, .tooEarly, &generator).catalogue.digest != right.catalogue.digest
        }
        #expect(found > 5)
    }

    /// S5: a snapshot in the middle of a history goes on as the state did, tombstones included.
    @Test(arguments: 0..<20 as Range<UInt64>) func aSnapshotRestoresTombstones(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let history = try History(&generator, writes: 60)
        var state = ContentState(limit: 100)
        for region in Self.members {
            for (place, record) in (history.logs[region] ?? []).enumerated() {
                try state.apply(record, in: region, Incarnation(7), at: Offset(UInt64(place)))
                if generator.next() % 8 == 0 { forget(&state, .nowAndThen, &generator) }
                let restored = try ContentSnapshot.decode(ContentSnapshot.encode(state), limit: 100)
                #expect(restored.catalogue.tombstoneCount == state.catalogue.tombstoneCount, "seed \(seed)")
                #expect(ContentSnapshot.encode(restored) == ContentSnapshot.encode(state), "seed \(seed)")
                state = restored
            }
        }
        let whole = try fold(history, .atOnce, &generator)
        #expect(state.catalogue.digest == whole.catalogue.digest, "seed \(seed)")
        forget(&state, .atOnce, &generator)
        #expect(state.catalogue.tombstoneCount == 0, "seed \(seed)")
    }
}
