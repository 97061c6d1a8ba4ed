// Before a region sends its users away it asks whether anybody can take them (FAULTS 1.38).

import ClusterModel
import EventLog
import GRPCFraming
import MeridianProtocol
import NIOCore
import NodeEnvironment
import Synchronization
import Testing

@testable import OperatorAPI

@Suite struct EvacuationPreflightTests {
    private let harness = OperatorHarness()
    private var node: FakeNode { harness.node }
    private static let operatorURI = "meridian://shop/client/operator-ann"

    private static func lacking(_ change: (inout RegionCapacity) -> Void) -> RegionCapacity {
        var capacity = FakeNode.roomy
        change(&capacity)
        return capacity
    }

    private func connect(_ capacities: [UInt16: Result<RegionCapacity, PeerFailure>]) {
        node.script.withLock { script in
            for (number, capacity) in capacities.sorted(by: { $0.key < $1.key }) {
                var mirror = MirrorFacts(region: RegionNumber(number), name: "r\(number)")
                mirror.isConnected = true
                script.mirrors.append(mirror)
                script.capacities[RegionNumber(number)] = capacity
            }
        }
    }

    /// What the operator hears, or nil where the evacuation begins.
    private func refusal(force: Bool = false) async throws -> (reason: String?, message: String)? {
        var request = Meridian_V1_EvacuateRequest()
        request.force = force
        let queue = OperatorQueue()
        let answer = try harness.call(
            harness.api(queue: queue), .evacuate, try request.encodedBuffer(), certificate: Self.operatorURI)
        return await withTaskGroup(of: Void.self) { group -> (reason: String?, message: String)? in
            group.addTask { await queue.run() }
            defer { group.cancelAll() }
            do {
                _ = try await answer.value()
                return nil
            } catch {
                guard let status = error as? RPCStatus else { return ("\(error)", "") }
                return (OperatorHarness.reason(of: status), status.message)
            }
        }
    }

    @Test(arguments: [
        (lacking { $0.freeBytes = 7 }, "its disk has 7 bytes free, the next segment takes 1073741824"),
        (
            lacking { ($0.lagEvents, $0.lagMilliseconds) = (44, 31_000) },
            "it misses 44 events of this region, the oldest for 31000 ms, more than 30000 ms"
        ),
        (lacking { $0.userLimit = 19 }, "it may hold 19 users, and there are 20"),
        (lacking { $0.callsInFlight = 99 }, "it serves 99 calls, and 2 of this region's would be more than its 100"),
        (lacking { $0.state = .draining }, "it is draining"),
        (lacking { $0.isRefusingWrites = true }, "its clock is refused"),
    ])
    func aRegionThatLacksSomethingIsRefusedWithTheFigures(capacity: RegionCapacity, words: String) async throws {
        connect([1: .success(capacity)])
        node.script.withLock { $0.callsInFlight = 2 }
        let refusal = try #require(try await refusal())
        #expect(refusal.reason == "NO_REGION_HAS_ROOM")
        #expect(refusal.message.contains("region r1: \(words)"), "\(refusal.message)")
        #expect(node.state == .active && node.operatorEvents.isEmpty)
    }

    @Test func oneRegionWithRoomIsEnough() async throws {
        connect([1: .success(Self.lacking { $0.freeBytes = 0 }), 3: .success(FakeNode.roomy)])
        #expect(try await refusal() == nil)
        #expect(node.state == .evacuated && node.operatorEvents.isEmpty)
    }

    @Test func aRegionThatDoesNotAnswerHasNoRoom() async throws {
        let failure = PeerFailure(region: RegionNumber(1), name: "r1", cause: .timedOut, detail: "")
        connect([1: .failure(failure), 3: .success(Self.lacking { $0.userLimit = 1 })])
        let refusal = try #require(try await refusal())
        #expect(refusal.message.contains("region r1 timed out") && refusal.message.contains("region r3: it may hold 1"))
    }

    @Test func forceGoesOnAndIsRecordedWithWhoWhenAndAgainstWhat() async throws {
        connect([1: .success(Self.lacking { $0.freeBytes = 7 })])
        #expect(try await refusal(force: true) == nil)
        #expect(node.state == .evacuated)
        let reply = try await harness.reply(.status, Meridian_V1_StatusRequest(), Meridian_V1_StatusReply.self)
        let event = try #require(reply.operatorEvents.first)
        #expect(event.act == "forced_evacuation" && event.caller == Self.operatorURI)
        #expect(event.atMs == harness.environment.clock.wallTime().milliseconds)
        #expect(event.reason.contains("its disk has 7 bytes free"))
    }

    /// A command asks again and again how it goes.
    @Test func whoAsksAgainHowItGoesIsRecordedOnce() async throws {
        connect([1: .success(Self.lacking { $0.freeBytes = 7 })])
        #expect(try await refusal(force: true) == nil)
        var request = Meridian_V1_EvacuateRequest()
        request.force = true
        for _ in 0..<3 { _ = try await harness.reply(.evacuate, request, Meridian_V1_EvacuateReply.self) }
        #expect(node.operatorEvents.count == 1)
    }
}
