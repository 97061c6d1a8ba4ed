// One flipped bit in every byte of a marked journal, one at a time, healed from another holder (FAULTS 4-6). MERIDIAN_PROVE=1
// takes every byte of a megabyte.

import ClusterModel
import EventLog
import Foundation
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import SegmentLog

@Suite struct BitFlipHealingTests {
    private static let isProving = ProcessInfo.processInfo.environment["MERIDIAN_PROVE"] != nil
    /// Batches of 9000 bytes.
    private static let batches = isProving ? 126 : 24
    private static let stride = isProving ? 1 : 331
    /// Segments are swept side by side.
    private static let lanes = 2

    private struct Tally {
        var flips = 0
        var healed = 0
        var named = 0
        var wrong: [String] = []
    }

    /// What a running node does: the damage is surveyed, another holder's batches are put in, all bytes are as they were.
    /// Where nobody can help the exact range is named.
    @Test("S7, S8: a flipped bit in any byte is found, and healed or named", arguments: 0..<BitFlipHealingTests.lanes)
    func everyByte(lane: Int) async throws {
        var journal = try TrimmedJournal(seed: 81)
        try journal.append(Self.batches)
        var tally = Tally()
        for generation in try journal.log.sealedGenerations() where Int(generation) % Self.lanes == lane {
            let path = journal.log.directory.segmentPath(generation)
            let successor = try journal.log.directory.successor(of: generation, journal: journal.log.journal)
            let end = Int(try #require(successor).previousSegmentEnd)
            let sound = try journal.bytes(path)
            for byte in Swift.stride(from: 0, to: end, by: Self.stride) {
                journal.stepped.files.flipBit(of: path, byte: byte, bit: byte % 8)
                try heal(generation, byte, in: journal, sound, &tally)
            }
        }
        #expect(tally.wrong.isEmpty, "\(tally.wrong.count): \(tally.wrong.prefix(5))")
        #expect(tally.healed + tally.named == tally.flips)
        if Self.isProving {
            print("lane \(lane): \(tally.flips) flips, \(tally.healed) healed, \(tally.named) named with their range")
        }
        #expect(try journal.readsBack() == true)
        await journal.log.close()
    }

    private func heal(
        _ generation: UInt64, _ byte: Int, in journal: TrimmedJournal, _ sound: [UInt8], _ tally: inout Tally
    ) throws {
        tally.flips += 1
        let path = journal.log.directory.segmentPath(generation)
        let plan = try journal.log.repairPlan(of: generation)
        if plan.isSound { tally.wrong.append("byte \(byte) of \(path) was not found") }
        if try journal.log.repair(generation, with: journal.held(plan.needs)) {
            if try journal.bytes(path) != sound { tally.wrong.append("byte \(byte) of \(path): other bytes") }
            tally.healed += 1
        } else {
            let isNamed = plan.lost.contains { $0.path == path && $0.bytes.contains(UInt64(byte)) }
            if !isNamed { tally.wrong.append("byte \(byte) of \(path) is neither healed nor named") }
            tally.named += 1
            journal.stepped.files.flipBit(of: path, byte: byte, bit: byte % 8)
        }
    }

    @Test("S7: any single wrong bit of a frame is known from its checksum; two are not guessed at")
    func frames() throws {
        var journal = try TrimmedJournal(seed: 82)
        try journal.append(7)
        let bytes = try journal.bytes(journal.log.directory.segmentPath(2))
        let prefix = try #require(GroupFrame.prefix(bytes[...]))
        let length = GroupFrame.headerLength + prefix.tableLength
        let sound = Array(bytes.prefix(length))
        for byte in 0..<length {
            var damaged = Array(bytes.prefix(4_096))
            damaged[byte] ^= 1 << UInt8(byte % 8)
            #expect(GroupFrame.correcting(damaged[...]) { _, _ in true }?.bytes == sound, "byte \(byte)")
            #expect(GroupFrame.correcting(damaged[...]) { _, _ in false } == nil, "byte \(byte)")
            damaged[(byte + 9) % length] ^= 4
            #expect(GroupFrame.correcting(damaged[...]) { _, _ in true } == nil, "byte \(byte)")
        }
    }
}
