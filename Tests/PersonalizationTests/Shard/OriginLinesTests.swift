// S1, S1a, S2, S12: how lines of incarnations move vectors, origins' times and session verdicts.

import ClusterModel
import EventLog
import MergeableState
import Testing

@testable import Personalization

@Suite struct OriginLinesTests {
    private static let region = RegionNumber(1)
    private static let none = EventID(time: 0, client: 0)

    private func mark(_ milliseconds: UInt64) -> EventRecord {
        EventRecord(
            kind: .timeMark, stamp: HybridStamp(at: WallTime(milliseconds: milliseconds)), id: Self.none, body: [])
    }

    private func opening(_ predecessor: (incarnation: UInt64, end: UInt64)?, _ milliseconds: UInt64) -> EventRecord {
        let named = predecessor.map {
            OpeningRecord.Predecessor(incarnation: Incarnation($0.incarnation), end: Offset($0.end), digest: .zero)
        }
        return EventRecord(
            kind: .opening, stamp: HybridStamp(at: WallTime(milliseconds: milliseconds)), id: Self.none,
            body: OpeningRecord(predecessor: named, applyVersion: 1).body)
    }

    private func link(
        _ number: UInt64, on: EndsPoint = .genesis, _ ends: [(incarnation: UInt64, end: UInt64)] = []
    ) throws -> EndsLink {
        let record = EndsRecord(
            on: on, ends.map { EndsRecord.End(incarnation: Incarnation($0.incarnation), end: Offset($0.end)) })
        return EndsLink(number: Incarnation(number), record: try #require(record))
    }

    private func record(_ link: EndsLink, _ milliseconds: UInt64) -> EventRecord {
        EventRecord(
            kind: .ends, stamp: HybridStamp(at: WallTime(milliseconds: milliseconds)), id: Self.none,
            body: link.record.body)
    }

    private func chain(_ links: EndsLink...) throws -> EndsChain { try #require(EndsChain(links)) }

    private func tips(_ lines: OriginLines) -> [UInt64] { lines.chains.map(\.chain.tip.number.rawValue) }

    /// A first start, three records, a restart that names end 3 and agrees on it.
    private func restarted() throws -> (lines: OriginLines, first: EndsLink) {
        var lines = OriginLines()
        let first = try link(1)
        for (offset, record) in [opening(nil, 1_000), record(first, 1_010), mark(1_020)].enumerated() {
            try lines.onRecord(record, in: Self.region, Incarnation(1), at: Offset(UInt64(offset)))
        }
        try lines.onRecord(opening((1, 3), 2_000), in: Self.region, Incarnation(2), at: .zero)
        return (lines, first)
    }

    private func entry(_ incarnation: UInt64, _ next: UInt64) -> VersionVector.Entry {
        VersionVector.Entry(region: Self.region, incarnation: Incarnation(incarnation), next: Offset(next))
    }

    /// S2: a restart holds up the origin's time until its older incarnation has an agreed end.
    @Test func timeWaitsForAgreedEnds() throws {
        var (lines, first) = try restarted()
        #expect(lines.time(of: Self.region) == WallTime(milliseconds: 1_020))
        #expect(lines.vector.entries.count == 2)
        try lines.onRecord(
            record(try link(2, on: first.point, [(1, 3)]), 2_001), in: Self.region, Incarnation(2), at: Offset(1))
        #expect(lines.time(of: Self.region) == WallTime(milliseconds: 2_001))
        #expect(lines.vector.entries == [entry(2, 2)])
    }

    /// S2, HISTORIES 3: an unlinked line has no time until its ends record, a genesis' empty one included.
    @Test func anUnlinkedLineHasNoTimeUntilEndsAreApplied() throws {
        var lines = OriginLines()
        try lines.onRecord(opening(nil, 1_000), in: Self.region, Incarnation(1), at: .zero)
        #expect(lines.time(of: Self.region) == nil)
        let first = try link(1)
        try lines.onRecord(record(first, 1_001), in: Self.region, Incarnation(1), at: Offset(1))
        #expect(lines.time(of: Self.region) == WallTime(milliseconds: 1_001))
        try lines.onRecord(opening(nil, 5_000), in: Self.region, Incarnation(9), at: .zero)
        #expect(lines.time(of: Self.region) == nil)
        #expect(lines.time(over: [Self.region]) == nil)
        let second = try link(9, on: first.point, [(1, 2)])
        try lines.onRecord(record(second, 5_001), in: Self.region, Incarnation(9), at: Offset(1))
        #expect(lines.time(of: Self.region) == WallTime(milliseconds: 5_001))
    }

    /// S1: an opening waits for its predecessor's end, also where the predecessor has not been heard of.
    @Test func anOpeningWaitsForItsPredecessor() throws {
        var lines = OriginLines()
        #expect(throws: ApplyError.held(until: Incarnation(1), reaches: Offset(2))) {
            try lines.onRecord(opening((1, 2), 2_000), in: Self.region, Incarnation(2), at: .zero)
        }
        #expect(lines.vector == VersionVector())
        try lines.onRecord(opening(nil, 1_000), in: Self.region, Incarnation(1), at: .zero)
        #expect(throws: ApplyError.self) {
            try lines.onRecord(opening((1, 2), 2_000), in: Self.region, Incarnation(2), at: .zero)
        }
        try lines.onRecord(mark(1_010), in: Self.region, Incarnation(1), at: Offset(1))
        try lines.onRecord(opening((1, 2), 2_000), in: Self.region, Incarnation(2), at: .zero)
        #expect(lines.vector == VersionVector([entry(1, 2), entry(2, 1)]))
    }

    /// HISTORIES 4: an end was agreed without the tail; a link above it is read as the agreed end.
    @Test func aLinkAboveAnAgreedEndIsReadAsTheAgreedEnd() throws {
        var lines = OriginLines()
        try lines.onRecord(opening(nil, 1_000), in: Self.region, Incarnation(1), at: .zero)
        // B starts empty: incarnation 5 is unlinked, and agrees on end 1 of incarnation 1.
        try lines.onRecord(opening(nil, 2_000), in: Self.region, Incarnation(5), at: .zero)
        try lines.onRecord(record(try link(5, [(1, 1)]), 2_001), in: Self.region, Incarnation(5), at: Offset(1))
        // B is back on the old disk, whose opening names the longer end 4.
        try lines.onRecord(opening((1, 4), 3_000), in: Self.region, Incarnation(7), at: .zero)
        #expect(lines.vector.entries.map(\.incarnation) == [Incarnation(5), Incarnation(7)])
    }

    /// S2: an old disk's line stands on nothing, since its predecessor's end is 0, and is applied before the lines that
    /// the agreed ends list. Its stamps are not the origin's time yet: ids of those lines must not be forgotten.
    @Test func anOriginHasNoTimeBeforeListedEndsAreReached() throws {
        var lines = OriginLines()
        let first = try link(1)
        let second = try link(5, on: first.point, [(1, 2)])
        lines.learn(try chain(first, second), of: Self.region)
        // Incarnation 3 was never seen by others; 7 began on its disk.
        try lines.onRecord(opening((3, 4), 9_000), in: Self.region, Incarnation(7), at: .zero)
        #expect(lines.time(of: Self.region) == nil)
        try lines.onRecord(opening(nil, 1_000), in: Self.region, Incarnation(1), at: .zero)
        try lines.onRecord(record(first, 1_010), in: Self.region, Incarnation(1), at: Offset(1))
        #expect(lines.time(of: Self.region) == WallTime(milliseconds: 1_010))
        try lines.onRecord(opening(nil, 5_000), in: Self.region, Incarnation(5), at: .zero)
        #expect(lines.time(of: Self.region) == nil)
        try lines.onRecord(record(second, 5_010), in: Self.region, Incarnation(5), at: Offset(1))
        #expect(lines.time(of: Self.region) == WallTime(milliseconds: 5_010))
    }

    /// HISTORIES 5: what lies beyond an agreed end is quarantined, and agreed ends are facts as soon as they are heard.
    @Test func beyondAnAgreedEndNothingIsApplied() throws {
        var lines = OriginLines()
        lines.learn(try chain(try link(5, [(1, 1)])), of: Self.region)
        try lines.onRecord(opening(nil, 1_000), in: Self.region, Incarnation(1), at: .zero)
        #expect(throws: ApplyError.beyondAgreedEnd(incarnation: Incarnation(1), end: Offset(1))) {
            try lines.onRecord(mark(1_010), in: Self.region, Incarnation(1), at: Offset(1))
        }
        #expect(lines.verdict(on: entry(1, 2)) == .lost)
        #expect(lines.vector == VersionVector([entry(1, 1)]))
        // An origin's time does not move by hearsay (S2).
        #expect(lines.time(of: Self.region) == nil)
        #expect(tips(lines) == [5])
    }

    /// S12, HISTORIES 17: a position beyond an agreed end is lost at once; one below it is met by the line.
    @Test func tokensOfOlderIncarnations() throws {
        var (lines, first) = try restarted()
        #expect(lines.verdict(on: entry(1, 4)) == .pending)
        try lines.onRecord(
            record(try link(2, on: first.point, [(1, 3)]), 2_001), in: Self.region, Incarnation(2), at: Offset(1))
        #expect(lines.verdict(on: entry(1, 3)) == .met)
        #expect(lines.verdict(on: entry(1, 4)) == .lost)
        #expect(lines.verdict(on: entry(2, 2)) == .met)
        #expect(lines.verdict(on: entry(2, 3)) == .pending)
        // An incarnation that is not listed has end 0 (S1a).
        #expect(lines.verdict(on: entry(0, 1)) == .lost)
        // A future line of that origin may still come.
        #expect(lines.verdict(on: entry(3, 1)) == .pending)
        #expect(
            lines.verdict(on: .init(region: RegionNumber(7), incarnation: Incarnation(1), next: Offset(1))) == .pending)
    }

    /// S1a: an end that differs from what was applied is never glossed over.
    @Test func anOtherEndThanAppliedIsRefused() throws {
        var (lines, first) = try restarted()
        #expect(throws: ApplyError.self) {
            try lines.onRecord(
                record(try link(2, on: first.point, [(1, 2)]), 2_001), in: Self.region, Incarnation(2), at: Offset(1))
        }
        #expect(throws: ApplyError.self) {
            try lines.onRecord(mark(9), in: Self.region, Incarnation(2), at: Offset(5))
        }
    }

    /// S1, S1a: ends that were only heard of are not applied ones: what stands on them waits for the log itself.
    @Test func hearsayIsNotProgress() throws {
        var lines = OriginLines()
        let heard = try link(5, [(1, 2)])
        lines.learn(try chain(heard), of: Self.region)
        #expect(lines.verdict(on: entry(1, 2)) == .pending && !lines.isSettled(Self.region, Incarnation(1)))
        #expect(throws: ApplyError.held(until: Incarnation(1), reaches: Offset(2))) {
            try lines.onRecord(opening((1, 9), 3_000), in: Self.region, Incarnation(7), at: .zero)
        }
        try lines.onRecord(opening(nil, 2_000), in: Self.region, Incarnation(5), at: .zero)
        #expect(throws: ApplyError.held(until: Incarnation(1), reaches: Offset(2))) {
            try lines.onRecord(record(heard, 2_001), in: Self.region, Incarnation(5), at: Offset(1))
        }
        try lines.onRecord(opening(nil, 1_000), in: Self.region, Incarnation(1), at: .zero)
        try lines.onRecord(mark(1_010), in: Self.region, Incarnation(1), at: Offset(1))
        try lines.onRecord(record(heard, 2_001), in: Self.region, Incarnation(5), at: Offset(1))
        #expect(lines.vector.entries == [entry(5, 2)] && lines.verdict(on: entry(1, 2)) == .met)
    }

    /// S1a: an older ends record that is applied late takes nothing back of newer ends; what it settled stays settled
    /// while the newer record is not applied yet, so that nothing of it is folded a second time.
    @Test func newerHearsayAndOlderRecordsGoTogether() throws {
        var (lines, first) = try restarted()
        let second = try link(2, on: first.point, [(1, 3)])
        lines.learn(try chain(second, try link(6, on: second.point, [(2, 4)])), of: Self.region)
        try lines.onRecord(
            record(try link(2, on: first.point, [(1, 3)]), 2_001), in: Self.region, Incarnation(2), at: Offset(1))
        #expect(tips(lines) == [6])
        #expect(lines.isSettled(Self.region, Incarnation(1)) && !lines.isSettled(Self.region, Incarnation(2)))
        #expect(lines.next(in: Self.region, Incarnation(1)) == Offset(3) && lines.verdict(on: entry(1, 3)) == .met)
        #expect(lines.agreedEnd(of: Incarnation(2), in: Self.region) == Offset(4))
        #expect(throws: ApplyError.self) {
            try lines.onRecord(opening(nil, 1_000), in: Self.region, Incarnation(1), at: .zero)
        }
        for offset in 2...3 as ClosedRange<UInt64> {
            try lines.onRecord(mark(2_010), in: Self.region, Incarnation(2), at: Offset(offset))
        }
        #expect(throws: ApplyError.beyondAgreedEnd(incarnation: Incarnation(2), end: Offset(4))) {
            try lines.onRecord(mark(2_020), in: Self.region, Incarnation(2), at: Offset(4))
        }
        #expect(!lines.exceedsAgreedEnds)
    }

    /// S1a: ends take effect when they are read, also where their record cannot be applied.
    @Test func endsThatDifferAreKnown() throws {
        var (lines, first) = try restarted()
        #expect(throws: ApplyError.endDiffers(incarnation: Incarnation(1), applied: Offset(3), agreed: Offset(2))) {
            try lines.onRecord(
                record(try link(2, on: first.point, [(1, 2)]), 2_001), in: Self.region, Incarnation(2), at: Offset(1))
        }
        #expect(lines.exceedsAgreedEnds && tips(lines) == [2])
        #expect(lines.next(in: Self.region, Incarnation(2)) == Offset(1))
        #expect(lines.verdict(on: entry(1, 3)) == .lost)
    }

    /// S2: of two disks lost one after the other, the first line's ends record gives the origin no time yet.
    @Test func theNewestUnlinkedLineCounts() throws {
        var lines = OriginLines()
        try lines.onRecord(opening(nil, 1_000), in: Self.region, Incarnation(5), at: .zero)
        try lines.onRecord(opening(nil, 2_000), in: Self.region, Incarnation(9), at: .zero)
        let first = try link(5)
        try lines.onRecord(record(first, 1_500), in: Self.region, Incarnation(5), at: Offset(1))
        #expect(lines.time(of: Self.region) == nil)
        let second = try link(9, on: first.point, [(5, 2)])
        try lines.onRecord(record(second, 2_500), in: Self.region, Incarnation(9), at: Offset(1))
        #expect(lines.time(of: Self.region) == WallTime(milliseconds: 2_500))
    }

    /// S1a: a batch of a settled log is known or quarantined as a whole, and never folded again.
    @Test func settledLogsAreNotFoldedAgain() throws {
        var state = ShardState(partition: PartitionID(0))
        let log = LogIdentity(
            name: LogName(region: Self.region, topic: .userEvents, partition: PartitionID(0)),
            incarnation: Incarnation(1))
        func batch(_ log: LogIdentity, _ records: [EventRecord], from base: UInt64 = 0) throws -> EncodedBatch {
            try EncodedBatch(
                sealing: records, of: log, epoch: Epoch(1), baseOffset: Offset(base), previousDigest: .zero)
        }
        let first = try batch(log, [opening(nil, 1_000), mark(1_010)])
        try state.apply(first)
        let newer = LogIdentity(name: log.name, incarnation: Incarnation(2))
        try state.apply(try batch(newer, [opening((1, 2), 2_000), record(try link(2, [(1, 2)]), 2_001)]))
        let lines = state.lines
        #expect(try state.apply(first) == .known)
        #expect(try state.apply(try batch(log, [mark(1_010), mark(1_020)], from: 1)) == .quarantined)
        #expect(try state.apply(try batch(log, [mark(1_030)], from: 2)) == .quarantined)
        #expect(state.lines == lines)
    }

    /// Snapshots carry ends that were heard of, of origins that nothing is known of otherwise too.
    @Test func hearsaySurvivesItsEncoding() throws {
        var (lines, first) = try restarted()
        lines.learn(try chain(first, try link(6, on: first.point, [(1, 3)])), of: Self.region)
        lines.learn(try chain(try link(5, [(4, 7)])), of: RegionNumber(9))
        try lines.onRecord(opening(nil, 1), in: RegionNumber(3), Incarnation(8), at: .zero)
        var writer = ByteWriter()
        lines.encode(into: &writer)
        var reader = ByteReader(writer.bytes)
        #expect(try OriginLines(from: &reader) == lines)
        #expect(reader.isAtEnd)
    }

    /// S1b, S12: below a floor old sessions are judged by what is kept of it; of what is older nobody can say any more.
    @Test func sessionsFromBeforeTheFloorAreJudgedOrTooOld() throws {
        var (lines, first) = try restarted()
        var (last, number) = (first, UInt64(2))
        for _ in 0..<(OriginLine.settledLinks + 2) {
            let next = try link(number, on: last.point, [(number - 1, number == 2 ? 3 : 2)])
            try lines.onRecord(record(next, 2_000 + number), in: Self.region, Incarnation(number), at: Offset(1))
            try lines.onRecord(
                opening((number, 2), 2_000 + number), in: Self.region, Incarnation(number + 1), at: .zero)
            (last, number) = (next, number + 1)
        }
        let before = lines
        lines.prune(Self.region, to: last.point)
        #expect(lines.vector == before.vector && lines.chains.first?.chain.links.count == 1)
        #expect(lines.line(of: Self.region).settled.count == OriginLine.settledLinks)
        let recent = number - 3
        #expect(lines.verdict(on: entry(recent, 2)) == .met && lines.verdict(on: entry(recent, 3)) == .lost)
        #expect(lines.verdict(on: entry(1, 2)) == .tooOld && before.verdict(on: entry(1, 2)) == .met)
        let outcome = lines.outcome(of: VersionVector([entry(1, 2)]))
        #expect(outcome == SessionOutcome(tooOld: [entry(1, 2)]) && !outcome.isSatisfied)
        var writer = ByteWriter()
        lines.encode(into: &writer)
        var reader = ByteReader(writer.bytes)
        #expect(try OriginLines(from: &reader) == lines)
    }

    @Test func linesSurviveTheirEncoding() throws {
        var (lines, first) = try restarted()
        try lines.onRecord(
            record(try link(2, on: first.point, [(1, 3)]), 2_001), in: Self.region, Incarnation(2), at: Offset(1))
        var writer = ByteWriter()
        lines.encode(into: &writer)
        var reader = ByteReader(writer.bytes)
        let restored = try OriginLines(from: &reader)
        #expect(restored == lines)
        #expect(reader.isAtEnd)
        for length in 0..<writer.count {
            var short = ByteReader(Array(writer.bytes[..<length]))
            #expect(throws: ByteCodingError.self) { try OriginLines(from: &short) }
        }
    }
}
