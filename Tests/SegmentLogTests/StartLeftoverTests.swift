// What starts and stops leave on the disk: the bytes that were written, not the length of a segment each.

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import SegmentLog

@Suite struct StartLeftoverTests {
    private func bytes(_ journal: TrimmedJournal) throws -> UInt64 {
        try journal.stepped.files.paths().reduce(0) { sum, path in
            sum + (try journal.stepped.files.open(path, .read).length())
        }
    }

    @Test("a hundred starts leave what they wrote, after clean stops and after kills", arguments: [true, false])
    func hundredStarts(isClean: Bool) async throws {
        var journal = try TrimmedJournal(seed: 1)
        var before = Set<String>()
        for start in 0..<100 {
            try journal.append(1, bytes: 100)
            if isClean { await journal.log.close() } else { journal.stepped.files.releaseLocks() }
            if start == 9 { before = Set(journal.stepped.files.paths().filter { !$0.hasSuffix(".segment") }) }
            try journal.reopen()
            #expect(journal.log.recovered.corruptRanges.isEmpty && journal.log.recovered.cutBytes == 0)
        }
        // One segment in use and its spare have their whole length.
        #expect(try bytes(journal) < UInt64(2 * TrimmedJournal.limits.segmentBytes + 100 * 2_048 + 16_384))
        let after = Set(journal.stepped.files.paths().filter { !$0.hasSuffix(".segment") })
        // As many files of each kind as after ten.
        #expect(after.count <= before.count + 1, "\(after.sorted())")
        #expect(try journal.readsBack())
        let report = try journal.log.trim(
            journal.inputs {
                $0.retention = .seconds(1 << 30); $0.retentionBytes = 1 << 40
            })
        #expect(report.journalBytes < UInt64(TrimmedJournal.limits.segmentBytes + 100 * 2_048))
        await journal.log.close()
    }

    @Test("S7: a shortened journal reads the same by scan, by index, and by the offline check")
    func readsTheSame() async throws {
        for isIndexed in [true, false] {
            var journal = try TrimmedJournal(seed: 2)
            try journal.append(4)
            let summaries = journal.log.logs()
            await journal.log.close()
            if !isIndexed {
                for path in journal.stepped.files.paths() where path.contains("/index-") {
                    try journal.stepped.files.remove(path)
                }
            }
            let found = try JournalInspection(directory: TrimmedJournal.directory, files: journal.stepped.files)
            #expect(found.corruptRanges.isEmpty && found.cutBytes == 0)
            try journal.reopen()
            #expect(journal.log.logs() == summaries && journal.log.recovered.wasCleanStop)
            try journal.append(3)
            #expect(try journal.readsBack())
            await journal.log.close()
        }
    }

    @Test("S7: a torn tail is given back, and its number is not used again")
    func tornTail() async throws {
        var journal = try TrimmedJournal(seed: 3)
        try journal.append(2, bytes: 100)
        await journal.log.close()
        try journal.reopen()
        // A second segment was begun, and only bytes that nobody believes came to the disk.
        let path = journal.log.directory.segmentPath(2)
        journal.stepped.files.releaseLocks()
        let file = try journal.stepped.files.open(path, .createOrReplace)
        try file.reserve(length: UInt64(TrimmedJournal.limits.segmentBytes))
        try file.write([UInt8](repeating: 0xab, count: 3_000), at: 0)
        try file.synchronizeData()
        try journal.reopen()
        #expect(try file.length() == UInt64(GroupFrame.alignment))
        try journal.append(2, bytes: 100)
        #expect(journal.segments == [1, 2, 3].map { journal.log.directory.segmentPath($0) })
        #expect(try journal.readsBack())
        await journal.log.close()
        try journal.reopen()
        #expect(journal.log.recovered.corruptRanges.isEmpty)
        await journal.log.close()
    }

    @Test("no damage is cut away with it")
    func damage() async throws {
        var journal = try TrimmedJournal(seed: 4)
        try journal.append(2, bytes: 600)
        journal.stepped.files.releaseLocks()
        let path = journal.log.directory.segmentPath(1)
        journal.stepped.files.flipBit(of: path, byte: 700, bit: 1)
        let length = try journal.stepped.files.open(path, .read).length()
        try journal.reopen()
        #expect(!journal.log.recovered.corruptRanges.isEmpty)
        #expect(try journal.stepped.files.open(path, .read).length() == length)
        await journal.log.close()
    }
}
