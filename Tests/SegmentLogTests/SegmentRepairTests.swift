// Repair of a sealed segment: original bytes back in their places, from another holder or from what the disk itself knows
// (S7, S8, FAULTS 4-7).

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import SegmentLog

@Suite struct SegmentRepairTests {
    /// The second segment of a journal, and every batch that was ever written, as another holder has them.
    private struct Fixture {
        var journal: TrimmedJournal
        let generation: UInt64
        let path: String

        init(seed: UInt64) throws {
            journal = try TrimmedJournal(seed: seed)
            try journal.append(20)
            generation = try journal.log.sealedGenerations()[1]
            path = journal.log.directory.segmentPath(generation)
        }

        /// What a holder answers to the needs.
        func held(_ needs: [RepairNeed]) -> [EncodedBatch] {
            needs.flatMap { $0.select(from: journal.written[$0.log] ?? []) }
        }

        func bytes() throws -> [UInt8] {
            let file = try journal.stepped.files.open(path, .read)
            defer { file.close() }
            return try file.read(at: 0, count: Int(try file.length()))
        }
    }

    @Test("S8: a flipped bit in any byte is healed, and all bytes are what they were")
    func anyByte() async throws {
        let fixture = try Fixture(seed: 41)
        let log = fixture.journal.log
        let before = try fixture.bytes()
        for byte in stride(from: 0, to: 27_000, by: 397) where byte < 64 || byte >= 512 || byte % 3 == 0 {
            fixture.journal.stepped.files.flipBit(of: fixture.path, byte: byte, bit: byte % 8)
            let plan = try log.repairPlan(of: fixture.generation)
            #expect(!plan.isSound, "byte \(byte)")
            if plan.lost.isEmpty {
                #expect(try log.repair(fixture.generation, with: fixture.held(plan.needs)), "byte \(byte)")
                #expect(try fixture.bytes() == before, "byte \(byte)")
            } else {
                // The first frame of a segment has no frame before it in the segment to go on from: reported.
                #expect(plan.lost.first?.bytes.contains(UInt64(byte)) == true, "byte \(byte)")
                fixture.journal.stepped.files.flipBit(of: fixture.path, byte: byte, bit: byte % 8)
            }
        }
        #expect(try fixture.journal.readsBack())
        await log.close()
    }

    @Test("FAULTS 7: several damaged batches of several logs are healed together")
    func manyBatches() async throws {
        let fixture = try Fixture(seed: 42)
        let (log, before) = (fixture.journal.log, try fixture.bytes())
        for byte in [2_000, 12_000, 21_000] {
            fixture.journal.stepped.files.flipBit(of: fixture.path, byte: byte, bit: 2)
        }
        let plan = try log.repairPlan(of: fixture.generation)
        #expect(plan.needs.count == 3 && plan.lost.isEmpty)
        // A part of it heals a part.
        #expect(try !log.repair(fixture.generation, with: fixture.held([plan.needs[0]])))
        #expect(try log.repairPlan(of: fixture.generation).needs == Array(plan.needs.dropFirst()))
        #expect(try log.repair(fixture.generation, with: fixture.held(plan.needs)))
        #expect(try fixture.bytes() == before)
        await log.close()
    }

    @Test("S8: batches of another chain are refused, and nothing changes")
    func otherChain() async throws {
        let fixture = try Fixture(seed: 43)
        let log = fixture.journal.log
        fixture.journal.stepped.files.flipBit(of: fixture.path, byte: 2_000, bit: 2)
        let damaged = try fixture.bytes()
        let need = try #require(try log.repairPlan(of: fixture.generation).needs.first)
        let record = EventRecord(
            kind: .interaction, stamp: HybridStamp(rawValue: 1), id: EventID(time: 1, client: 1), body: [1])
        guard case .end(let to, _) = need.goal else { throw EventLogError(.outOfRange, "the end is not known") }
        let count = Int(to.rawValue - need.from.rawValue)
        let forged = try EncodedBatch(
            sealing: [EventRecord](repeating: record, count: count), of: need.log, epoch: Epoch(1),
            baseOffset: need.from, previousDigest: need.before)
        #expect { try log.repair(fixture.generation, with: [forged]) } throws: {
            ($0 as? EventLogError)?.code == .corrupt
        }
        #expect(try fixture.bytes() == damaged)
        await log.close()
    }

    @Test("A segment in use, or trimmed, is not repaired")
    func notSealed() async throws {
        let fixture = try Fixture(seed: 44)
        let newest = try #require(try fixture.journal.log.sealedGenerations().last) + 1
        #expect { try fixture.journal.log.repairPlan(of: newest) } throws: {
            ($0 as? EventLogError)?.code == .outOfRange
        }
        _ = try fixture.journal.log.trim(fixture.journal.inputs())
        #expect { try fixture.journal.log.repairPlan(of: fixture.generation) } throws: {
            ($0 as? EventLogError)?.code == .outOfRange
        }
        await fixture.journal.log.close()
    }
}
