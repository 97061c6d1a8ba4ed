// A directory that is deleted or replaced under a running journal: noticed, and nothing more is acknowledged.

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import SegmentLog

@Suite struct JournalPlaceTests {
    private func removeAll(_ files: SimulatedFileStore, _ isGone: (String) -> Bool = { _ in true }) throws {
        for path in files.paths() where isGone(path) { try files.remove(path) }
    }

    @Test("C22: a deleted directory ends the log, and every later write is refused with the reason")
    func deleted() async throws {
        var journal = try TrimmedJournal(seed: 1)
        try journal.append(2)
        #expect(journal.log.checkPlace() == nil)
        try removeAll(journal.stepped.files)
        let reason = try #require(journal.log.checkPlace())
        #expect(reason.code == .poisoned && reason.message.contains("deleted or replaced"))
        #expect(throws: EventLogError.self) { try journal.append(1) }
        #expect(journal.log.failure == reason)
        await journal.log.close()
    }

    @Test("C22: another file under the name of the segment that is written, or of the marks, is noticed")
    func replaced() async throws {
        for name in ["marks", "segment", "lock"] {
            var journal = try TrimmedJournal(seed: 2)
            try journal.append(2)
            try removeAll(journal.stepped.files) { $0.hasSuffix(name) }
            for path in ["journal/marks", "journal/0000000000000001.segment", "journal/lock"] where path.hasSuffix(name)
            {
                _ = try journal.stepped.files.open(path, .createNew)
            }
            #expect(journal.log.checkPlace() != nil, "\(name)")
            await journal.log.close()
        }
    }

    @Test("a lock that people removed lets nobody else into a journal that is open")
    func removedLock() async throws {
        var journal = try TrimmedJournal(seed: 5)
        try journal.append(2)
        try removeAll(journal.stepped.files) { $0.hasSuffix("/lock") }
        let error = #expect(throws: EventLogError.self) {
            try SegmentLog.open(directory: "journal", environment: journal.stepped.environment)
        }
        #expect(error?.code == .fenced)
        await journal.log.close()
    }

    @Test("C22: without anybody who looks, the next segment is not begun in a directory that is gone")
    func nextSegment() async throws {
        var journal = try TrimmedJournal(seed: 3)
        try journal.append(2)
        try removeAll(journal.stepped.files)
        #expect(throws: EventLogError.self) { try journal.append(4) }
        #expect(journal.log.failure?.cause?.operation == "find")
        #expect(!journal.stepped.files.paths().contains { $0.hasSuffix(".segment") })
        await journal.log.close()
    }

    @Test("a sound journal is found in its place through trims, repairs and spares")
    func sound() async throws {
        var journal = try TrimmedJournal(seed: 4)
        for _ in 0..<6 {
            try journal.append(8)
            #expect(journal.log.checkPlace() == nil)
            _ = try journal.log.trim(journal.inputs())
        }
        #expect(journal.log.checkPlace() == nil)
        await journal.log.close()
    }
}
