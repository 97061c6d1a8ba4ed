// One flipped bit in every byte of a marked journal, one at a time (FAULTS 4, 5). MERIDIAN_PROVE=1 takes a megabyte.

import ClusterModel
import EventLog
import Foundation
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import SegmentLog

@Suite struct BitFlipTests {
    private static let isProving = ProcessInfo.processInfo.environment["MERIDIAN_PROVE"] != nil
    private static let bytes = isProving ? 1 << 20 : 48 << 10
    /// Every so many bytes the whole journal is verified, as an operator would; the group itself at every byte.
    private static let inspected = isProving ? 1_021 : 509

    /// What stands where, before anything is flipped.
    private struct Written {
        var path: String
        var groups: [Range<Int>]
    }

    private func write(_ harness: inout JournalHarness) throws -> Written {
        let files = harness.stepped.files
        var written = Written(path: "", groups: [])
        while (written.groups.last?.upperBound ?? 0) < Self.bytes {
            for _ in 0..<64 { try harness.append() }
            written.path = try #require(files.paths().first { $0.hasSuffix(".segment") })
            let reader = try SegmentReader(
                file: try files.open(written.path, .read), journal: harness.log.journal, generation: 1)
            var position = written.groups.last?.upperBound ?? 0
            while case .group(let group) = try reader.item(at: UInt64(position)) {
                written.groups.append(position..<Int(group.end))
                position = Int(group.end)
            }
        }
        return written
    }

    @Test("S7: a flipped bit in any byte before the mark is found, and reported with its group's range")
    func everyByte() async throws {
        var harness = try JournalHarness(seed: 21)
        let written = try write(&harness)
        await harness.log.close()
        let files = harness.stepped.files
        let reader = try SegmentReader(
            file: try files.open(written.path, .read), journal: harness.log.journal, generation: 1)
        var missed: [Int] = []
        var wrong: [String] = []
        for group in written.groups {
            for byte in group {
                let bit = byte % 8
                files.flipBit(of: written.path, byte: byte, bit: bit)
                if case .group = try reader.item(at: UInt64(group.lowerBound)) { missed.append(byte) }
                if byte % Self.inspected == 0 {
                    let found = try JournalInspection(directory: JournalHarness.directory, files: files)
                    let ranges = found.corruptRanges.map(\.bytes)
                    let expected = UInt64(group.lowerBound)..<UInt64(group.upperBound)
                    if !ranges.contains(expected) || found.cutBytes != 0 { wrong.append("byte \(byte): \(ranges)") }
                }
                files.flipBit(of: written.path, byte: byte, bit: bit)
            }
        }
        #expect(missed.isEmpty, "\(missed.count) of \(written.groups.last?.upperBound ?? 0): \(missed.prefix(10))")
        #expect(wrong.isEmpty, "\(wrong.prefix(5))")
        #expect(try JournalInspection(directory: JournalHarness.directory, files: files).corruptRanges.isEmpty)
    }
}
