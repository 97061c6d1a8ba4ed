// A region that neither answers nor goes away: who asks it is told which one it is, in time, and nobody else waits.

import ClusterModel
import EventLog
import MeridianProtocol
import NIOCore
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import OperatorAPI

@Suite struct SilentRegionTests {
    private let harness = OperatorHarness()
    private var node: FakeNode { harness.node }

    private func comparing() throws -> ByteBuffer {
        var request = Meridian_V1_DigestRequest()
        request.allRegions = true
        return try request.encodedBuffer()
    }

    /// kill -STOP of a peer: the status, a digest of this node and an evacuation went behind the comparison.
    @Test func othersAreServedWhileARegionIsWaitedFor() async throws {
        let silence = node.silence(RegionNumber(3))
        let api = harness.api()
        let comparison = try harness.call(api, .digest, try comparing())
        let others = [
            try harness.call(api, .status), try harness.call(api, .digest), try harness.call(api, .logStats),
            try harness.call(api, .evacuate),
        ]
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [queue = harness.queue] in await queue.run() }
            defer { group.cancelAll() }
            // Would wait for ever behind the comparison.
            for other in others { _ = await harness.reason(other) }
            silence.continuation.finish()
            let reply = try Meridian_V1_DigestReply(reading: try await comparison.value())
            let silent = reply.regions.first { $0.region == 3 }
            #expect(silent?.failure.contains("far") == true, "\(String(describing: silent))")
        }
    }

    /// Its deadline leaves time for the answer.
    @Test func aRegionIsGivenLessTimeThanItsAskerHas() {
        let now = harness.environment.clock.bootTime()
        let api = harness.api()
        for (left, longest) in [(Duration.seconds(2), Duration.seconds(1.5)), (.seconds(60), .seconds(4.5))] {
            let given = api.peerDeadline(asked: now.advanced(by: left)).since(now)
            #expect(given == longest, "\(left)")
        }
        #expect(api.peerDeadline(asked: nil).since(now) == .seconds(4.5))
    }

    /// What its caller has given up keeps nobody waiting.
    @Test func workWhoseDeadlinePassedIsNotServed() async throws {
        let stepped = harness.stepped
        let api = harness.api()
        let late = try harness.call(api, .status, deadline: stepped.clock.bootTime().advanced(by: .seconds(1)))
        stepped.clock.advance(by: .seconds(2))
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [queue = harness.queue] in await queue.run() }
            #expect(await harness.reason(late) == "DEADLINE_PASSED")
            group.cancelAll()
        }
    }
}
