// The table of statuses (INTERFACES, "Errors carry…"), row by row, and what lets a call in.

import ClusterModel
import GRPCFraming
import MergeableState
import MeridianProtocol
import NIOCore
import NodeEnvironment
import Personalization
import Synchronization
import Testing

@testable import ServingAPI

@Suite struct StatusTests {
    private struct Row {
        let error: ShardError
        let code: RPCStatusCode
        let reason: String
        let retries: Bool
    }

    private static let rows = [
        Row(error: .logFenced("poisoned"), code: .unavailable, reason: "LOG_FENCED", retries: true),
        Row(error: .backlogFull, code: .resourceExhausted, reason: "BACKLOG_FULL", retries: true),
        Row(error: .noSpace, code: .resourceExhausted, reason: "NO_SPACE", retries: true),
        Row(error: .notServing, code: .unavailable, reason: "SHARD_NOT_SERVING", retries: true),
        Row(
            error: .notEnoughRegions(available: 0), code: .failedPrecondition, reason: "NOT_ENOUGH_REGIONS",
            retries: false),
        Row(error: .idRefused(.tooOld), code: .outOfRange, reason: "EVENT_ID_TOO_OLD", retries: false),
        Row(error: .idRefused(.tooNew), code: .outOfRange, reason: "EVENT_ID_TOO_NEW", retries: false),
        Row(error: .catalogueFull(.items), code: .resourceExhausted, reason: "CATALOGUE_FULL", retries: false),
        Row(error: .catalogueFull(.tombstones), code: .resourceExhausted, reason: "TOMBSTONES_FULL", retries: true),
        Row(
            error: .sessionNotSatisfied(applied: VersionVector()), code: .failedPrecondition,
            reason: "SESSION_NOT_SATISFIED", retries: true),
        Row(error: .clockUntrusted, code: .unavailable, reason: "CLOCK_UNTRUSTED", retries: true),
        Row(error: .startsUnsettled("1024 starts"), code: .unavailable, reason: "STARTS_UNSETTLED", retries: true),
        Row(error: .rebuilding, code: .unavailable, reason: "REBUILDING", retries: true),
        Row(
            error: .remoteNotReached(reached: 1), code: .deadlineExceeded, reason: "REMOTE_NOT_REACHED",
            retries: false),
    ]

    @Test func everyShardErrorHasItsStatus() throws {
        for row in Self.rows {
            let fixture = try ServingFixture()
            fixture.shards.state.withLock {
                $0.report = { _, _ in .failure(row.error) }
                $0.slate = { _ in .failure(row.error) }
                $0.publish = { _, _ in .failure(row.error) }
            }
            var next = Meridian_V1_NextContentRequest()
            next.userID = ServingFixture.user
            var publish = Meridian_V1_PublishRequest()
            publish.items = [CatalogTests.item("a")]
            let failures = [
                try fixture.failure(.report, ReportTests.request([ReportTests.event()])),
                try fixture.failure(.nextContent, next), try fixture.failure(.publish, publish),
                try fixture.failure(.updateProfile, ProfileTests.update()),
            ]
            for failure in failures {
                #expect(failure.code == row.code && failure.reason == row.reason, "\(row)")
                #expect((failure.retryAfter != nil) == row.retries, "\(row)")
            }
            #expect(fixture.metrics.value("meridian_refusals_total reason=\(row.reason)") == 4)
            #expect(fixture.admission.callsInFlight == 0 && fixture.admission.bytesInFlight == 0)
        }
    }

    /// UNAVAILABLE and RESOURCE_EXHAUSTED tell a client to come again, but for what stays full until somebody removes
    /// something; what the caller must change first does not.
    @Test func retryInfoStandsWhereRetryingHelps() {
        for reason in ErrorReason.allCases {
            switch reason.code {
            case .unavailable: #expect(reason.retryAfter != nil, "\(reason)")
            case .resourceExhausted:
                let staysFull = reason == .catalogueFull || reason == .tooManyGroups
                #expect((reason.retryAfter == nil) == staysFull, "\(reason)")
            case .failedPrecondition:
                #expect(
                    (reason.retryAfter != nil) == (reason == .sessionNotSatisfied || reason == .unknownWithdrawal))
            default: #expect(reason.retryAfter == nil, "\(reason)")
            }
        }
    }

    @Test func draining() throws {
        let fixture = try ServingFixture()
        for (state, reason) in [(ServingState.draining, "NODE_DRAINING"), (.starting, "NODE_STARTING")] {
            fixture.admission.state = state
            let failure = try fixture.failure(.report, ReportTests.request([ReportTests.event()]))
            #expect(failure.code == .unavailable && failure.reason == reason && failure.retryAfter != nil)
        }
        fixture.admission.state = .fenced
        _ = try fixture.reply(
            .report, ReportTests.request([ReportTests.event()]), Meridian_V1_ReportReply.self)
    }

    /// A call that was let in before the drain finishes.
    @Test func callsUnderWayFinish() throws {
        let fixture = try ServingFixture()
        fixture.shards.state.withLock { $0.holds = true }
        let token = try fixture.start(.report, ReportTests.request([ReportTests.event()]))
        fixture.admission.state = .draining
        fixture.shards.releaseHeld()
        guard case .reply = try #require(fixture.ends(of: token).first) else {
            Issue.record("refused")
            return
        }
    }

    @Test func callsInFlightAreBounded() throws {
        let fixture = try ServingFixture(limits: AdmissionLimits(calls: 2, bytes: 1 << 20))
        fixture.shards.state.withLock { $0.holds = true }
        let request = ReportTests.request([ReportTests.event()])
        let tokens = [try fixture.start(.report, request), try fixture.start(.report, request)]
        let failure = try fixture.failure(.report, request)
        #expect(failure.code == .resourceExhausted && failure.reason == "TOO_MANY_CALLS" && failure.retryAfter != nil)
        #expect(fixture.admission.callsInFlight == 2)
        fixture.shards.releaseHeld()
        #expect(fixture.admission.callsInFlight == 0 && fixture.admission.bytesInFlight == 0)
        #expect(tokens.allSatisfy { fixture.ends(of: $0).count == 1 })
        try fixture.start(.report, request)
        #expect(fixture.admission.callsInFlight == 1)
    }

    @Test func bytesInFlightAreBounded() throws {
        let request = ReportTests.request([ReportTests.event()])
        let size = try request.encodedBuffer().readableBytes
        let fixture = try ServingFixture(limits: AdmissionLimits(calls: 10, bytes: 3 * size - 1))
        fixture.shards.state.withLock { $0.holds = true }
        for _ in 0..<2 { try fixture.start(.report, request) }
        let failure = try fixture.failure(.report, request)
        #expect(failure.code == .resourceExhausted && failure.reason == "TOO_MANY_BYTES")
        #expect(fixture.admission.bytesInFlight == 2 * size && fixture.admission.callsInFlight == 2)
    }

    @Test func expiredCallsAreNotStarted() throws {
        let fixture = try ServingFixture()
        let bytes = try ReportTests.request([ReportTests.event()]).encodedBuffer()
        let token = try fixture.start(.report, bytes: bytes, deadline: fixture.environment.clock.bootTime())
        let failure = try Failure(try #require(fixture.ends(of: token).first))
        #expect(failure.code == .deadlineExceeded && failure.reason == "DEADLINE_PASSED")
        #expect(fixture.shards.state.withLock { $0.reported.isEmpty })
    }

    @Test func laterMethodsSaySo() throws {
        let fixture = try ServingFixture()
        for method in [ServingMethod.explain, .getProfile, .listGroups] {
            let token = try fixture.start(method, bytes: ByteBuffer())
            let failure = try Failure(try #require(fixture.ends(of: token).first))
            #expect(failure.code == .unimplemented && failure.reason == "NOT_IMPLEMENTED")
            #expect(failure.message.contains("later version"))
        }
    }

    /// S4: a single write whose id is out of bounds is told the server's time.
    @Test func idsOutOfBoundsOfSingleWritesAreOutOfRange() throws {
        for (verdict, reason) in [(EventIDVerdict.tooOld, "EVENT_ID_TOO_OLD"), (.tooNew, "EVENT_ID_TOO_NEW")] {
            let fixture = try ServingFixture()
            fixture.shards.state.withLock {
                $0.report = { events, _ in
                    .success(
                        ReportOutcome(
                            results: [EventResult(id: EventID(time: 1, client: 1), outcome: .refused(verdict))],
                            session: VersionVector(), reached: .local))
                }
            }
            let failure = try fixture.failure(.updateProfile, ProfileTests.update())
            #expect(failure.code == .outOfRange && failure.reason == reason)
            #expect(failure.metadata["server_time_ms"] == "\(fixture.now.milliseconds)")
        }
    }

    @Test func callsAreCountedByMethodStatusAndClient() throws {
        let fixture = try ServingFixture()
        let bytes = try ReportTests.request([ReportTests.event()]).encodedBuffer()
        for certificate in [
            nil, "meridian://shop/client/app", "meridian://shop/client/app", "meridian://other/client/app",
        ] {
            try fixture.start(.report, bytes: bytes, certificate: certificate)
        }
        try fixture.start(.report, bytes: ByteBuffer(bytes: [0xff]))
        let names = "service=meridian.v1.InteractionService method=Report"
        #expect(fixture.metrics.value("meridian_calls_total \(names) status=ok") == 4)
        #expect(fixture.metrics.value("meridian_calls_total \(names) status=invalidArgument") == 1)
        #expect(fixture.metrics.value("meridian_call_duration_seconds \(names)") == 5)
        #expect(fixture.metrics.value("meridian_client_calls_total client=client/app") == 2)
        #expect(fixture.metrics.value("meridian_client_calls_total client=other") == 1)
        #expect(fixture.metrics.value("meridian_client_calls_total client=anonymous") == 2)
    }

    @Test func theTableOfClientsIsBounded() throws {
        let fixture = try ServingFixture()
        for index in 0..<(ClientCounts.maxClients + 5) {
            try fixture.start(.checkHealth, bytes: ByteBuffer(), certificate: "meridian://shop/client/c\(index)")
        }
        #expect(fixture.metrics.value("meridian_client_calls_total client=other") == 5)
        let clients = fixture.metrics.keys.filter { $0.hasPrefix("meridian_client_calls_total") }
        #expect(clients.count == ClientCounts.maxClients + 2)
    }
}
