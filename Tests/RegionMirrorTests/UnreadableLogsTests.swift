// What a holder does about bytes that it cannot read: GAP from memory, rests that grow and end.

import ClusterModel
import EventLog
import NodeEnvironment
import Testing

@testable import RegionMirror

@Suite struct UnreadableLogsTests {
    private let one = Sample.log(1)
    private let other = Sample.log(2)
    private let start = BootInstant(nanoseconds: 1_000_000_000)

    private func point(_ log: LogIdentity, _ offset: UInt64) -> LogPoint {
        LogPoint(log: log, offset: Offset(offset), digest: .zero)
    }

    @Test("S7: a stretch that does not verify is a gap up to its end, for a while, and is told once")
    func stretches() {
        var logs = UnreadableLogs(limit: 8)
        let stretch = Offset(10)..<Offset(20)
        let (isFirst, isSecond) = (
            logs.onUnreadable(one, stretch, at: start), logs.onUnreadable(one, stretch, at: start)
        )
        #expect(isFirst && !isSecond)
        #expect(logs.verdict(on: point(one, 10), at: start) == .gap(firstAvailable: Offset(20)))
        #expect(logs.verdict(on: point(one, 19), at: start) == .gap(firstAvailable: Offset(20)))
        #expect(logs.verdict(on: point(one, 20), at: start) == .readable)
        #expect(logs.verdict(on: point(one, 9), at: start) == .readable)
        #expect(logs.verdict(on: point(other, 10), at: start) == .readable)
        logs.onRead(one)
        #expect(logs.verdict(on: point(one, 10), at: start) == .gap(firstAvailable: Offset(20)))
        #expect(logs.verdict(on: point(one, 10), at: start.advanced(by: UnreadableLogs.beliefs)) == .readable)
    }

    @Test("a log that fails rests longer each time, up to a bound, until it is read")
    func rests() {
        var logs = UnreadableLogs(limit: 8)
        var now = start
        var expected = UnreadableLogs.firstRest
        for round in 0..<20 {
            let isFirst = logs.onFailure(one, at: now)
            #expect(isFirst == (round == 0))
            #expect(logs.verdict(on: point(one, 1), at: now.advanced(by: expected - .nanoseconds(1))) == .rests)
            now = now.advanced(by: expected)
            #expect(logs.verdict(on: point(one, 1), at: now) == .readable)
            expected = min(expected * 2, UnreadableLogs.longestRest)
        }
        logs.onRead(one)
        let isFirst = logs.onFailure(one, at: now)
        #expect(isFirst)
        #expect(logs.verdict(on: point(one, 1), at: now.advanced(by: UnreadableLogs.firstRest)) == .readable)
    }

    @Test("a plan does not read what is known to be unreadable, and rests are not urgent")
    func plans() throws {
        let chains = try (1...3).map { try Sample.chain(Sample.log(UInt32($0)), 4) }
        let held = chains.enumerated().map { Sample.head($1, Sample.log(UInt32($0 + 1))) }
        var holder = HolderInstance()
        _ = holder.onPull(generation: 5)
        let request = Sample.request(held.map { LogPoint(startOf: $0.log) })
        holder.onAnswered(holder.plan(request, held: held, LineageFacts()))
        var logs = UnreadableLogs(limit: 8)
        _ = logs.onUnreadable(one, Offset(0)..<Offset(2), at: start)
        _ = logs.onFailure(other, at: start)
        let plan = holder.plan(request, held: held, LineageFacts()) { logs.verdict(on: $0, at: start) }
        #expect(
            Set(plan.steps) == [.gap(one, firstAvailable: Offset(2)), .read(LogPoint(startOf: Sample.log(3)))])
        let resting = Sample.request([LogPoint(startOf: other)])
        #expect(!holder.plan(resting, held: held, LineageFacts()) { logs.verdict(on: $0, at: start) }.isUrgent)
    }

    @Test("no more entries than the limit")
    func isBounded() {
        var logs = UnreadableLogs(limit: 1)
        _ = logs.onFailure(one, at: start)
        _ = logs.onFailure(other, at: start)
        #expect(logs.verdict(on: point(one, 1), at: start) == .rests)
        #expect(logs.verdict(on: point(other, 1), at: start) == .readable)
    }
}
