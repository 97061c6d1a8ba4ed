// Reading a journal whose bytes went bad while the node runs (S7): what is hit is named, everything else is served, and
// copies that were written again after an unclean stop are found.

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import SegmentLog

@Suite struct DamagedReadTests {
    /// Where a batch stands on the disk.
    private func place(of batch: EncodedBatch, in journal: SweptJournal) throws -> (path: String, first: Int) {
        for generation in try journal.log.directory.generations() {
            let path = journal.log.directory.segmentPath(generation)
            let file = try journal.disk.open(path, .read)
            let bytes = try file.read(at: 0, count: Int(try file.length()))
            let header = Array(batch.bytes.prefix(BatchHeader.length))
            for sector in stride(from: 0, to: bytes.count, by: GroupFrame.alignment)
            where GroupFrame.beginsFrame(bytes[...], at: sector) {
                for first in sector..<min(sector + 1_024, bytes.count - header.count)
                where bytes[first] == header[0] && Array(bytes[first..<first + header.count]) == header {
                    return (path, first)
                }
            }
        }
        throw EventLogError(.corrupt, "the batch is nowhere")
    }

    private func flip(_ batch: EncodedBatch, in journal: SweptJournal, atByte byte: Int = 60) throws {
        let place = try place(of: batch, in: journal)
        journal.disk.flipBit(of: place.path, byte: place.first + byte, bit: 3)
    }

    /// Flips a bit of the group's frame: of nothing in the group is known what it is.
    private func flipFrame(of batch: EncodedBatch, in journal: SweptJournal) throws {
        let place = try place(of: batch, in: journal)
        journal.disk.flipBit(
            of: place.path, byte: place.first / GroupFrame.alignment * GroupFrame.alignment + 20, bit: 3)
    }

    @Test(
        "S7: a bad batch, or a bad frame, stops its log at that place and no other",
        arguments: [(0, false), (3, false), (3, true), (7, false), (7, true)])
    func stopsOneLog(index: Int, isFrame: Bool) throws {
        var journal = try SweptJournal(seed: UInt64(index), logs: 3)
        var batches: [EncodedBatch] = []
        for _ in 0..<8 {
            batches.append(try journal.write(to: 0))
            for other in 1..<3 { try journal.write(to: other) }
        }
        isFrame ? try flipFrame(of: batches[index], in: journal) : try flip(batches[index], in: journal)
        let follower = try journal.follow(total: 1 << 20)
        let log = journal.identity(0)
        #expect(follower.unreadable == [log: batches[index].header.baseOffset..<batches[index].endOffset])
        #expect(follower.reached[log]?.end == batches[index].header.baseOffset)
        for other in 1..<3 {
            let identity = journal.identity(other)
            #expect(follower.reached[identity]?.end == journal.log.flushedEnd(of: identity))
        }
        #expect(throws: EventLogError.self) {
            try journal.log.read(log, from: batches[index].header.baseOffset, maxBytes: 1)
        }
        if index < 7 {
            let behind = try journal.log.read(log, from: batches[index].endOffset, maxBytes: .max)
            #expect(behind.last?.endOffset == batches.last?.endOffset)
        }
    }

    @Test("S7: what was in doubt and was written again is read from its copy once the first one shows its damage")
    func readsTheCopy() throws {
        var journal = try SweptJournal(seed: 1, logs: 2)
        for _ in 0..<4 { for index in 0..<2 { try journal.write(to: index) } }
        let last = try journal.write(to: 0)
        // The group of the last batch has no successor that vouches for it: a start after kill -9 writes it again.
        try journal.restart()
        #expect(journal.log.recovered.rewrittenBatches > 0)
        for index in 0..<2 { try journal.write(to: index, bytes: 50) }
        try flip(last, in: journal)
        let follower = try journal.follow(total: 1 << 20)
        #expect(follower.unreadable.isEmpty)
        for summary in journal.log.logs() { #expect(follower.reached[summary.log]?.digest == summary.endDigest) }
    }
}
