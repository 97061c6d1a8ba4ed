// Overload at the API's door: goodput stays flat, the lowest class goes first, refusals say when to come back.

import ClusterModel
import GRPCFraming
import MeridianProtocol
import NodeEnvironment
import SimulatedEnvironment
import Synchronization
import Testing

@testable import ServingAPI

@Suite struct OverloadTests {
    private static let seeds: [UInt64] = [1, 2, 3]
    private static let seconds = 4

    private static func run(_ seed: UInt64, _ factor: Double, _ load: LoadSettings = LoadSettings()) throws
        -> OverloadModel.Outcome
    {
        var model = try OverloadModel(seed: seed, load: load)
        return try model.run(factor: factor, seconds: seconds)
    }

    @Test(arguments: seeds)
    func goodputStaysFlatAtThreeAndTenTimesTheLoad(seed: UInt64) throws {
        let base = try Self.run(seed, 1)
        for factor in [3.0, 10.0] {
            let outcome = try Self.run(seed, factor)
            let part = Double(outcome.goodput) / Double(base.goodput)
            #expect(
                part >= 0.9,
                "seed \(seed): \(outcome.goodput) at \(factor)x, \(base.goodput) at 1x; late \(outcome.late)")
            #expect(outcome.longestHealthWait < .milliseconds(250), "seed \(seed): \(outcome.longestHealthWait)")
        }
    }

    /// The canary: the same model without control by age.
    @Test(arguments: seeds)
    func withoutTheControllerGoodputCollapses(seed: UInt64) throws {
        let base = try Self.run(seed, 1)
        for factor in [3.0, 10.0] {
            let outcome = try Self.run(seed, factor, LoadSettings(target: .zero))
            #expect(outcome.goodput * 10 < base.goodput, "seed \(seed): \(outcome.goodput) at \(factor)x")
        }
    }

    @Test(arguments: seeds)
    func prefetchGoesFirstUnlockLast(seed: UInt64) throws {
        let outcome = try Self.run(seed, 1.6)
        #expect(outcome.share(.unlock) > 0.95, "seed \(seed): \(outcome)")
        #expect(outcome.share(.prefetch) < 0.2, "seed \(seed): \(outcome.share(.prefetch))")
        #expect(outcome.share(.write) < outcome.share(.unlock) + 0.01, "seed \(seed)")
    }

    @Test(arguments: seeds)
    func halfTheLoadIsServedWhole(seed: UInt64) throws {
        let outcome = try Self.run(seed, 0.5)
        #expect(outcome.refused == 0 && outcome.expired == 0 && outcome.late == 0, "seed \(seed)")
    }

    /// A refusal carries the stable reason and a delay that grows, with jitter.
    @Test func refusalsSayWhenToComeBack() throws {
        let fixture = try ServingFixture()
        let clock = fixture.stepped.clock
        var next = Meridian_V1_NextContentRequest()
        next.userID = ServingFixture.user
        let bytes = try next.encodedBuffer()
        var delays: Set<Duration> = []
        for _ in 0..<400 {
            clock.advance(by: .milliseconds(1))
            let token = try fixture.start(
                .nextContent, bytes: bytes, arrivedAt: clock.bootTime().advanced(by: .milliseconds(-900)))
            guard case .status = fixture.ends(of: token).first, let end = fixture.ends(of: token).first else {
                continue
            }
            let failure = try Failure(end)
            #expect(failure.code == .resourceExhausted && failure.reason == "QUEUE_TOO_OLD")
            delays.insert(try #require(failure.retryAfter))
        }
        #expect(delays.count >= 4, "\(delays)")
        #expect(delays.allSatisfy { $0 >= .milliseconds(37) && $0 <= .milliseconds(9_600) })
        let refused = fixture.metrics.value("meridian_admission_refusals_total class=unlock reason=QUEUE_TOO_OLD")
        #expect(refused > 0 && fixture.admission.callsInFlight == 0)
        #expect(fixture.admission.load.queueAge >= .milliseconds(900))
    }

    @Test func aPriorityLowersACallAndNeverRaisesIt() throws {
        func priority(_ method: ServingMethod, _ value: String?) -> CallPriority? {
            var metadata = CallMetadata()
            metadata.append("x-other", "1")
            if let value { metadata.append(CallPriority.header, value) }
            return CallPriority(of: method, metadata)
        }
        #expect(priority(.nextContent, nil) == .unlock && priority(.nextContent, "unlock") == .unlock)
        #expect(priority(.nextContent, "prefetch") == .prefetch && priority(.report, "prefetch") == .prefetch)
        #expect(priority(.report, "unlock") == .write && priority(.popular, "unlock") == .prefetch)
        for wrong in ["", "Unlock", "urgent", "prefetch "] { #expect(priority(.nextContent, wrong) == nil) }
        let fixture = try ServingFixture()
        var metadata = CallMetadata()
        metadata.append(CallPriority.header, "urgent")
        let token = try fixture.start(
            .report, bytes: try ReportTests.request([ReportTests.event()]).encodedBuffer(), metadata: metadata)
        let failure = try Failure(try #require(fixture.ends(of: token).first))
        #expect(failure.code == .invalidArgument && failure.metadata["field"] == "meridian-priority")
    }

    /// What is fetched ahead may take half of the room, so that there is some left for who comes after.
    @Test func lowerClassesLeaveRoom() throws {
        let fixture = try ServingFixture(limits: AdmissionLimits(calls: 8, bytes: 1 << 20))
        fixture.shards.state.withLock { $0.holds = true }
        var next = Meridian_V1_NextContentRequest()
        next.userID = ServingFixture.user
        var ahead = CallMetadata()
        ahead.append(CallPriority.header, "prefetch")
        var open = 0
        for metadata in Array(repeating: ahead, count: 8) + Array(repeating: CallMetadata(), count: 8) {
            let token = try fixture.start(.nextContent, bytes: try next.encodedBuffer(), metadata: metadata)
            if fixture.ends(of: token).isEmpty { open += 1 }
        }
        #expect(open == 8)
        #expect(fixture.metrics.value("meridian_admission_refusals_total class=prefetch reason=TOO_MANY_CALLS") == 4)
        #expect(fixture.metrics.value("meridian_admission_refusals_total class=unlock reason=TOO_MANY_CALLS") == 4)
        fixture.shards.releaseHeld()
        #expect(fixture.admission.callsInFlight == 0)
    }

    @Test func expiredCallsAreCountedByClass() throws {
        let fixture = try ServingFixture()
        var next = Meridian_V1_NextContentRequest()
        next.userID = ServingFixture.user
        try fixture.start(
            .nextContent, bytes: try next.encodedBuffer(), deadline: fixture.environment.clock.bootTime())
        #expect(fixture.metrics.value("meridian_admission_expired_total class=unlock") == 1)
        #expect(fixture.shards.state.withLock { $0.queries.isEmpty })
    }
}
