// S11: reports at REMOTE, their deadlines, and what their answers say.

import ClusterModel
import GRPCFraming
import MeridianProtocol
import NodeEnvironment
import Personalization
import Synchronization
import Testing

@testable import ServingAPI

@Suite struct RemoteReportTests {
    private static func request(_ regions: UInt32) -> Meridian_V1_ReportRequest {
        ReportTests.request([ReportTests.event()]) {
            $0.durability.level = .remote
            $0.durability.regions = regions
        }
    }

    /// The shard waits until the call's deadline, so it has to know it.
    @Test func theDeadlineReachesTheShard() throws {
        let fixture = try ServingFixture(otherRegions: 1)
        let deadline = fixture.environment.clock.bootTime().advanced(by: .seconds(3))
        try fixture.start(.report, bytes: Self.request(1).encodedBuffer(), deadline: deadline)
        try fixture.start(.updateProfile, bytes: ProfileTests.update().encodedBuffer(), deadline: deadline)
        #expect(fixture.shards.state.withLock { $0.reported.map(\.deadline) } == [deadline, deadline])
    }

    /// Deadline passed: what was reached is stated, and that the same ids are to be sent again.
    @Test func whatWasReachedIsStated() throws {
        let fixture = try ServingFixture(otherRegions: 2)
        fixture.shards.state.withLock { $0.report = { _, _ in .failure(.remoteNotReached(reached: 1)) } }
        let failure = try fixture.failure(.report, Self.request(2))
        #expect(failure.code == .deadlineExceeded && failure.reason == "REMOTE_NOT_REACHED")
        #expect(failure.metadata["reached"] == "1" && failure.message.contains("outcome unknown"))
        #expect(failure.message.contains("same ids"))
    }

    /// Each result states the durability that was reached, which may be more than was asked for.
    @Test func repliesStateTheDurabilityReached() throws {
        let fixture = try ServingFixture(otherRegions: 2)
        fixture.shards.state.withLock { $0.reached = .remote(regions: 2) }
        let reply = try fixture.reply(.report, Self.request(1), Meridian_V1_ReportReply.self)
        #expect(reply.results[0].durability.level == .remote && reply.results[0].durability.regions == 2)
    }

    /// S2: a node that does not trust its clock sends writers elsewhere.
    @Test func untrustedClocksRefuseWrites() throws {
        let fixture = try ServingFixture()
        fixture.shards.state.withLock { $0.report = { _, _ in .failure(.clockUntrusted) } }
        let failure = try fixture.failure(.report, ReportTests.request([ReportTests.event()]))
        #expect(failure.code == .unavailable && failure.reason == "CLOCK_UNTRUSTED" && failure.retryAfter != nil)
        // A clock that is not trusted tells nobody the time.
        #expect(failure.metadata["server_time_ms"] == nil)
    }
}
