// The newest batches in memory: what tail readers get without the disk, and when they have to go there.

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import SegmentLog

@Suite struct RecentBatchesTests {
    /// `count` batches of two records each, 400 bytes that do not compress.
    private func batches(_ count: Int, log index: Int = 0) throws -> [EncodedBatch] {
        var generator = SeededGenerator(seed: UInt64(index))
        var writer = OriginLogWriter(log: JournalHarness.identity(index, incarnation: 1), epoch: Epoch(1))
        return try (0..<count).map { _ in
            for _ in 0..<2 {
                let body = (0..<168).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
                _ = try writer.append(
                    EventRecord(kind: .interaction, stamp: .zero, id: EventID(time: 1, client: 1), body: body))
            }
            return try #require(try writer.seal())
        }
    }

    @Test func readsBeginInTheBatchThatHoldsTheOffset() throws {
        let all = try batches(5)
        var recent = RecentBatches()
        for batch in all { recent.append(batch) }
        let log = all[0].header.log
        for offset in 0..<10 as Range<UInt64> {
            let found = recent.batches(of: log, from: Offset(offset), maxBytes: .max)
            #expect(found == Array(all.dropFirst(Int(offset) / 2)))
        }
        #expect(recent.batches(of: log, from: Offset(3), maxBytes: 1) == [all[1]])
        #expect(recent.batches(of: log, from: Offset(10), maxBytes: .max) == [])
        #expect(recent.batches(of: JournalHarness.identity(9, incarnation: 1), from: .zero, maxBytes: .max) == nil)
    }

    /// The oldest over all logs leave first, and what has left is never passed over.
    @Test func theOldestLeaveFirst() throws {
        let (first, second) = (try batches(4, log: 0), try batches(4, log: 1))
        let size = first[0].bytes.count
        var recent = RecentBatches(limit: 3 * size)
        for (one, two) in zip(first, second) {
            recent.append(one)
            recent.append(two)
        }
        #expect(recent.batches(of: first[0].header.log, from: Offset(4), maxBytes: .max) == nil)
        #expect(recent.batches(of: first[0].header.log, from: Offset(6), maxBytes: .max) == [first[3]])
        #expect(recent.batches(of: second[0].header.log, from: Offset(4), maxBytes: .max) == [second[2], second[3]])
    }

    /// Nobody listens: nothing is kept. From the first watcher on, commits are.
    @Test func batchesAreKeptForWatchersOnly() throws {
        let stepped = SteppedEnvironment(seed: 1)
        let environment = stepped.environment
        let log = try SegmentLog.open(directory: "journal", environment: environment)
        let all = try batches(3)
        let identity = all[0].header.log
        try log.submit(all[0])
        #expect(log.recent(identity, from: .zero, maxBytes: .max) == nil)
        #expect(log.watch(on: environment.executors.loops[0]) { _ in })
        try log.submit(all[1])
        #expect(log.recent(identity, from: .zero, maxBytes: .max) == nil)
        #expect(log.recent(identity, from: Offset(2), maxBytes: .max) == [all[1]])
        #expect(try log.read(identity, from: .zero, maxBytes: .max) == [all[0], all[1]])
    }
}
