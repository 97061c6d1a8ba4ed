// Many logs read in one pass: what single reads give, from any offsets, over many segments.

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import SegmentLog

@Suite struct JournalSweepTests {
    @Test("from any offsets a sweep gives a prefix of what single reads give", arguments: 0..<6 as Range<UInt64>)
    func equalsSingleReads(seed: UInt64) throws {
        var journal = try SweptJournal(seed: seed)
        try journal.write(batches: 80, recordBytes: 400)
        let log = journal.log
        for _ in 0..<8 {
            var places: [(log: LogIdentity, offset: Offset)] = []
            for summary in log.logs() where journal.generator.next() % 4 > 0 {
                places.append((summary.log, Offset(journal.generator.next() % (summary.flushedEnd.rawValue + 2))))
            }
            let total = 1 + Int(journal.generator.next() % 40_000)
            let found = try log.read(places, total: total)
            var bytes = 0
            for (identity, reading) in found {
                let batches = try #require(reading.batches, "seed \(seed)")
                let offset = try #require(places.first { $0.log == identity }?.offset)
                let single = try log.read(identity, from: offset, maxBytes: .max)
                #expect(!batches.isEmpty && Array(single.prefix(batches.count)) == batches, "seed \(seed)")
                bytes += batches.reduce(0) { $0 + $1.bytes.count }
            }
            // A pass takes one batch in any case, and so does the first log.
            #expect(bytes <= total + 3 * 2_000, "seed \(seed)")
            let readable = places.filter { $0.offset < log.flushedEnd(of: $0.log) }
            #expect(found.isEmpty == readable.isEmpty, "seed \(seed)")
            if let first = readable.first { #expect(found[first.log] != nil, "seed \(seed)") }
        }
    }

    @Test("asked again and again, a follower gets every log to its end, whole and once", arguments: [1, 7] as [UInt64])
    func catchesUp(seed: UInt64) throws {
        var journal = try SweptJournal(seed: seed)
        try journal.write(batches: 160, recordBytes: 60_000)
        #expect(try journal.log.directory.generations().count > 1)
        let follower = try journal.follow(total: 1 << 20)
        #expect(follower.unreadable.isEmpty)
        for summary in journal.log.logs() {
            #expect(follower.reached[summary.log]?.digest == summary.endDigest, "seed \(seed)")
        }
    }

    @Test("64 logs are caught up with in about one reading of the journal, in few reads")
    func readsOnce() throws {
        var journal = try SweptJournal(seed: 5, logs: 64)
        try journal.write(batches: 1_200, recordBytes: 3_000)
        let bytes = journal.writtenBytes
        journal.files.reads = .init()
        let follower = try journal.follow(total: 1 << 20)
        let reads = journal.files.reads
        for summary in journal.log.logs() { #expect(follower.reached[summary.log]?.end == summary.flushedEnd) }
        #expect(bytes > 4 << 20)
        #expect(Double(reads.bytes) < 1.35 * Double(bytes), "\(reads) of \(bytes) bytes")
        #expect(reads.calls < 60 * bytes >> 20, "\(reads) of \(bytes) bytes")
        // What a pass saves: a log after the other.
        journal.files.reads = .init()
        for summary in journal.log.logs() {
            var offset = Offset.zero
            while offset < summary.flushedEnd {
                offset = try #require(
                    try journal.log.read(summary.log, from: offset, maxBytes: 64 << 10).last?.endOffset)
            }
        }
        #expect(journal.files.reads.bytes > 16 * reads.bytes, "\(journal.files.reads), in one pass \(reads)")
    }

    @Test("whoever is first in its turn gets a batch, however many logs are far behind it")
    func nobodyStarves() throws {
        var journal = try SweptJournal(seed: 3)
        try journal.write(batches: 160, recordBytes: 60_000)
        let ends = journal.log.logs().map { ($0.log, $0.flushedEnd) }
        let near = try #require(ends.last)
        var places: [(log: LogIdentity, offset: Offset)] = [(near.0, Offset(near.1.rawValue - 1))]
        places += ends.dropLast().map { ($0.0, Offset.zero) }
        let found = try journal.log.read(places, total: 1 << 16)
        #expect(found[near.0]?.batches?.last?.endOffset == near.1)
        #expect(found.count > 1)
    }

    @Test("nothing asked, nothing flushed, nothing known: nothing read")
    func readsNothing() throws {
        var journal = try SweptJournal(seed: 4)
        try journal.write(batches: 20, recordBytes: 100)
        let log = journal.log
        #expect(try log.read([], total: 1).isEmpty)
        let summary = try #require(log.logs().first)
        #expect(try log.read([(summary.log, summary.flushedEnd)], total: 1 << 20).isEmpty)
        let unknown = JournalHarness.identity(77, incarnation: 3)
        #expect(try log.read([(unknown, .zero)], total: 1).isEmpty)
    }
}
