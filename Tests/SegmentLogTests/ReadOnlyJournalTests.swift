// C22: offline commands on a disk that is mounted read-only, and beside each other.

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import SegmentLog

@Suite struct ReadOnlyJournalTests {
    @Test("verify, stats, dump and the survey of a repair change nothing, and try to change nothing")
    func readsOnly() async throws {
        var journal = try TrimmedJournal(seed: 1)
        try journal.append(9)
        await journal.log.close()
        let files = ReadOnlyFiles(journal.stepped.files)
        let inspection = try JournalInspection(directory: TrimmedJournal.directory, files: files)
        #expect(inspection.corruptRanges.isEmpty && inspection.batches == 9)
        var batches = 0
        try JournalDump.read(directory: TrimmedJournal.directory, files: files) { item in
            if case .batch = item { batches += 1 }
            return true
        }
        #expect(batches == 9)
        let repair = try JournalRepair(directory: TrimmedJournal.directory, files: files, changes: false)
        #expect(repair.damaged.isEmpty)
        repair.release()
        #expect(files.refusals == 0)
    }

    @Test("readers share the journal; a node keeps them away, and they it")
    func locks() async throws {
        var journal = try TrimmedJournal(seed: 2)
        try journal.append(3)
        let files = journal.stepped.files
        #expect(throws: FileError.self) {
            try JournalInspection(directory: TrimmedJournal.directory, files: files)
        }
        await journal.log.close()
        let first = try StoppedJournal(TrimmedJournal.directory, files: files)
        let second = try StoppedJournal(TrimmedJournal.directory, files: files)
        first.release()
        #expect(throws: EventLogError.self) { try journal.reopen() }
        second.release()
        try journal.reopen()
        await journal.log.close()
    }
}
