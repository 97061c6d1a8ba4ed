// Which regions hold what of the origin's logs (S11).

import ClusterModel
import Testing

@testable import RegionMirror

@Suite struct CursorTableTests {
    let log = Sample.log(1)
    let chain = Digest128(high: 0, low: 5)

    func cursor(
        _ region: UInt16, _ offset: UInt64, start: UInt64 = 1, _ digest: UInt64 = 5
    ) -> CursorReport.Cursor {
        let point = LogPoint(log: log, offset: Offset(offset), digest: Digest128(high: 0, low: digest))
        return CursorReport.Cursor(region: RegionNumber(region), incarnation: Incarnation(start), point: point)
    }

    @Test("S11: distinct regions count, on the origin's chain only, and the origin's own cursor never")
    func counts() {
        var table = CursorTable(origin: RegionNumber(1))
        let outcomes = [
            table.onCursor(cursor(2, 10), chain: chain), table.onCursor(cursor(2, 10), chain: chain),
            table.onCursor(cursor(3, 6), chain: chain), table.onCursor(cursor(1, 10), chain: chain),
        ]
        #expect(outcomes == [.counted, .counted, .counted, .ignored])
        #expect(table.regions(holding: log, below: Offset(10)) == 1)
        #expect(table.regions(holding: log, below: Offset(6)) == 2)
        #expect(table.regions(holding: log, below: Offset(7)) == 1)
        #expect(table.farthest(in: log) == Offset(10))
        #expect(table.lowest(of: [2, 3].map { RegionNumber($0) }, in: log) == Offset(6))
        #expect(table.lowest(of: [2, 4].map { RegionNumber($0) }, in: log) == .zero)
    }

    @Test("S11: a newer start takes back what an earlier one said, and its late words count no more")
    func newerStart() {
        var table = CursorTable(origin: RegionNumber(1))
        _ = table.onCursor(cursor(2, 10, start: 1), chain: chain)
        let newer = table.onCursor(cursor(2, 4, start: 2), chain: chain)
        #expect(newer == .counted)
        #expect(table.offset(of: RegionNumber(2), in: log) == Offset(4))
        let late = table.onCursor(cursor(2, 10, start: 1), chain: chain)
        #expect(late == .ignored)
        #expect(table.regions(holding: log, below: Offset(5)) == 0)
    }

    @Test("S11: what came inside a bootstrap's snapshot is not acknowledged, what is held from there on is")
    func partOfALog() {
        var table = CursorTable(origin: RegionNumber(1))
        var cursor = cursor(2, 10)
        cursor.first = Offset(6)
        #expect(table.onCursor(cursor, chain: chain) == .counted)
        #expect(table.regions(holding: log, below: Offset(10)) == 0)
        #expect(table.regions(holding: log, from: Offset(5), below: Offset(7)) == 0)
        #expect(table.regions(holding: log, from: Offset(6), below: Offset(10)) == 1)
        // For trimming it is where the region goes on.
        #expect(table.offset(of: RegionNumber(2), in: log) == Offset(10))
        #expect(table.all.map { $0.held } == [Offset(6)..<Offset(10)])
    }

    @Test("S11: a start that is followed takes back what an earlier one said, before it has said anything itself")
    func startIsHeard() {
        var table = CursorTable(origin: RegionNumber(1))
        _ = table.onCursor(cursor(2, 10, start: 3), chain: chain)
        #expect(table.onStart(of: RegionNumber(2), Incarnation(2)).isEmpty)
        #expect(table.offset(of: RegionNumber(2), in: log) == Offset(10))
        #expect(table.onStart(of: RegionNumber(2), Incarnation(4)) == [log])
        #expect(table.offset(of: RegionNumber(2), in: log) == nil)
        let late = table.onCursor(cursor(2, 10, start: 3), chain: chain)
        #expect(late == .ignored)
    }

    @Test("S11: a newer start takes back its cursors in all logs")
    func newerStartOfAllLogs() {
        var table = CursorTable(origin: RegionNumber(1))
        let second = Sample.log(2)
        let point = LogPoint(log: second, offset: Offset(9), digest: chain)
        _ = table.onCursor(
            .init(region: RegionNumber(2), incarnation: Incarnation(1), point: point), chain: chain)
        _ = table.onCursor(cursor(2, 4, start: 2), chain: chain)
        #expect(table.offset(of: RegionNumber(2), in: second) == nil)
    }

    @Test("a lower cursor of the same start is an older message, which a relay brought late")
    func lateRelay() {
        var table = CursorTable(origin: RegionNumber(1))
        _ = table.onCursor(cursor(2, 10), chain: chain)
        let late = table.onCursor(cursor(2, 6), chain: chain)
        #expect(late == .ignored)
        #expect(table.offset(of: RegionNumber(2), in: log) == Offset(10))
    }

    @Test("S11, HISTORIES 16: another chain is no ack, and takes back what counted")
    func otherChain() {
        var table = CursorTable(origin: RegionNumber(1))
        _ = table.onCursor(cursor(2, 10), chain: chain)
        let other = table.onCursor(cursor(2, 12, 6), chain: chain)
        #expect(other == .otherChain)
        #expect(table.regions(holding: log, below: Offset(1)) == 0)
        let nowhere = table.onCursor(cursor(2, 12, 6), chain: nil)
        #expect(nowhere == .otherChain)
    }

    @Test("a copy that is longer elsewhere is no ack; it says that nothing is here alone")
    func longerElsewhere() {
        var table = CursorTable(origin: RegionNumber(1))
        table.onLongerCopy(cursor(2, 30))
        #expect(table.isLongerElsewhere(log))
        #expect(table.regions(holding: log, below: Offset(1)) == 0)
        _ = table.onCursor(cursor(2, 3, start: 2), chain: chain)
        #expect(!table.isLongerElsewhere(log))
    }

    @Test("regions and logs are bounded")
    func isBounded() {
        var limits = MirrorLimits()
        limits.regions = 1
        limits.logs = 1
        var table = CursorTable(origin: RegionNumber(1), limits: limits)
        let first = table.onCursor(cursor(2, 1), chain: chain)
        let second = table.onCursor(cursor(3, 1), chain: chain)
        let point = LogPoint(log: Sample.log(2), offset: Offset(9), digest: chain)
        let other = table.onCursor(
            .init(region: RegionNumber(2), incarnation: Incarnation(1), point: point), chain: chain)
        #expect([first, second, other] == [.counted, .ignored, .ignored])
    }
}
