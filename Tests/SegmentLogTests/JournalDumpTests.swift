// A dump of a stopped node's journal: everything that was written, what a selection asks for, and where it is damaged.

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import SegmentLog

@Suite struct JournalDumpTests {
    private struct Found {
        var marks = 0
        var segments = 0
        var groups = 0
        var trimmed = 0
        var batches: [EncodedBatch] = []
        var damage: [CorruptRange] = []
    }

    private func dump(
        _ journal: TrimmedJournal, _ selection: JournalSelection = JournalSelection(), stopAfter limit: Int = .max
    ) throws -> Found {
        var found = Found()
        try JournalDump.read(directory: TrimmedJournal.directory, files: journal.stepped.files, selection) { item in
            switch item {
            case .directory: break
            case .mark: found.marks += 1
            case .trimmed: found.trimmed += 1
            case .segment: found.segments += 1
            case .group: found.groups += 1
            case .batch(let batch, _, _): found.batches.append(batch)
            case .damage(let range): found.damage.append(range)
            }
            return found.batches.count < limit
        }
        return found
    }

    @Test("All that was written comes, once, in the order of the disk; nothing on the disk changes")
    func everything() async throws {
        var journal = try TrimmedJournal(seed: 101)
        try journal.append(20)
        await journal.log.close()
        let before = try journal.stepped.files.paths().map { try journal.bytes($0) }
        let found = try dump(journal)
        #expect(found.marks == 2 && found.trimmed == 0 && found.damage.isEmpty)
        #expect(found.segments == journal.segments.count && found.groups == 20)
        for (log, batches) in journal.written { #expect(found.batches.filter { $0.header.log == log } == batches) }
        #expect(try dump(journal, stopAfter: 3).batches.count == 3)
        #expect(try journal.stepped.files.paths().map { try journal.bytes($0) } == before)
    }

    @Test("Of a range of one log come the batches that hold something of it")
    func selection() async throws {
        var journal = try TrimmedJournal(seed: 102)
        try journal.append(20)
        await journal.log.close()
        let log = journal.writers[1].log
        let found = try dump(journal, JournalSelection(offsets: Offset(2)..<Offset(5)) { $0 == log })
        #expect(
            found.batches
                == journal.written[log]?.filter { $0.endOffset > Offset(2) && $0.header.baseOffset < Offset(5) })
        #expect(found.batches.count == 3)
    }

    @Test("S7: damage is named where it stands, and everything else comes; a trimmed journal begins where it begins")
    func damage() async throws {
        var journal = try TrimmedJournal(seed: 103)
        try journal.append(20)
        let end = try #require(journal.log.logs().first).flushedEnd
        let held = journal.writers[0].log
        _ = try journal.log.trim(journal.inputs { $0.floors[held]?.members = Offset(end.rawValue / 2) })
        await journal.log.close()
        let sound = try dump(journal)
        #expect(sound.trimmed == 1 && sound.damage.isEmpty)
        let path = journal.segments[0]
        for byte in [20, 5_000, 12_000] {
            journal.stepped.files.flipBit(of: path, byte: byte, bit: 2)
            let found = try dump(journal)
            #expect(found.damage.count == 1 && found.damage.first?.path == path, "byte \(byte)")
            #expect(found.damage.first?.bytes.contains(UInt64(byte)) == true, "byte \(byte)")
            #expect(found.batches.count == sound.batches.count - 1, "byte \(byte)")
            journal.stepped.files.flipBit(of: path, byte: byte, bit: 2)
        }
    }
}
