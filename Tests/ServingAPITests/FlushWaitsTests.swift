// The age of the oldest write that waits for the disk, against a list of all of them.

import ClusterModel
import GRPCFraming
import MeridianProtocol
import NodeEnvironment
import SimulatedEnvironment
import Synchronization
import Testing

@testable import ServingAPI

@Suite struct FlushWaitsTests {
    private static let limit = Duration.milliseconds(160)
    private static let slot = Duration.milliseconds(10)

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func theOldestIsKnownToASlot(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let waits = FlushWaits(limit: Self.limit)
        var now = BootInstant(nanoseconds: 10_000_000_000)
        var open: [BootInstant] = []
        for _ in 0..<3_000 {
            now = now.advanced(by: .microseconds(Int64(generator.next() % 5_000)))
            if generator.next() % 2 == 0 || open.isEmpty {
                waits.begin(at: now)
                open.append(now)
            } else {
                waits.end(since: open.remove(at: Int(generator.next() % UInt64(open.count))))
            }
            // What waits longer than a turn of the ring is forgotten; here everything ends before.
            while let first = open.min(), now.since(first) > .milliseconds(500) {
                waits.end(since: first)
                open.removeAll { $0 == first }
            }
            let oldest = open.min().map { now.since($0) } ?? .zero
            let known = waits.oldestAge(at: now)
            #expect(known >= oldest && known < oldest + Self.slot, "seed \(seed): \(known) for \(oldest)")
            if oldest > Self.limit + Self.slot { #expect(waits.isOverdue(at: now), "seed \(seed): \(oldest)") }
            if oldest <= Self.limit { #expect(!waits.isOverdue(at: now), "seed \(seed): \(oldest)") }
        }
    }

    @Test func whatNeverEndsIsForgotten() {
        let waits = FlushWaits(limit: Self.limit)
        let start = BootInstant(nanoseconds: 7_000_000_000)
        waits.begin(at: start)
        #expect(waits.isOverdue(at: start.advanced(by: .milliseconds(200))))
        let later = start.advanced(by: .milliseconds(700))
        #expect(!waits.isOverdue(at: later) && waits.oldestAge(at: later) == .zero)
        // Its late end takes nothing from others that came into its slot a turn later.
        let next = start.advanced(by: Self.slot * 64)
        waits.begin(at: next)
        waits.end(since: start)
        #expect(waits.oldestAge(at: next.advanced(by: .milliseconds(50))) >= .milliseconds(50))
    }

    /// A disk that stands still stops writes, not reads; once it moves, writes go on.
    @Test func writesAreRefusedWhileTheDiskStands() throws {
        let fixture = try ServingFixture()
        fixture.shards.state.withLock { $0.holds = true }
        let request = ReportTests.request([ReportTests.event()])
        let waiting = try fixture.start(.report, request)
        fixture.stepped.clock.advance(by: .milliseconds(600))
        let failure = try fixture.failure(.report, request)
        #expect(failure.code == .resourceExhausted && failure.reason == "FLUSH_OVERDUE")
        #expect(try #require(failure.retryAfter) >= .milliseconds(250))
        #expect(
            fixture.metrics.value("meridian_admission_refusals_total class=write reason=FLUSH_OVERDUE") == 1)
        fixture.shards.releaseHeld()
        fixture.shards.state.withLock { $0.holds = false }
        #expect(fixture.ends(of: waiting).count == 1)
        _ = try fixture.reply(.report, request, Meridian_V1_ReportReply.self)
        var next = Meridian_V1_NextContentRequest()
        next.userID = ServingFixture.user
        _ = try fixture.reply(.nextContent, next, Meridian_V1_NextContentReply.self)
    }
}
