// What OperatorService says and does about regions: mirrors, clocks, digests of all regions, evacuation.

import ClusterModel
import EventLog
import MeridianProtocol
import NIOCore
import NodeEnvironment
import Personalization
import Synchronization
import Testing

@testable import OperatorAPI

@Suite struct RegionOperationTests {
    private let harness = OperatorHarness()
    private var node: FakeNode { harness.node }

    private static func mirror(_ number: UInt16, connected: Bool, stopped: Int = 0) -> MirrorFacts {
        var facts = MirrorFacts(region: RegionNumber(number), name: "r\(number)")
        facts.isConnected = connected
        facts.stopped = (0..<stopped).map { StoppedLog(log: log(UInt32($0)), reason: "gap") }
        return facts
    }

    private static func log(_ partition: UInt32) -> LogIdentity {
        LogIdentity(
            name: LogName(region: RegionNumber(1), topic: .userEvents, partition: PartitionID(partition)),
            incarnation: Incarnation(0xab))
    }

    @Test func statusShowsMirrorsClockAndAlarms() async throws {
        var near = Self.mirror(1, connected: true, stopped: 1)
        near.lagEvents = 4
        near.lagMilliseconds = 90
        near.lagP50Milliseconds = 3
        near.clockOffsetMilliseconds = -12
        near.roundTrip = .microseconds(700)
        near.sinceHeard = .milliseconds(40)
        node.script.withLock { script in
            script.mirrors = [near, Self.mirror(3, connected: false)]
            script.unmirrored = 6
            script.clock = .alarm("far off")
            script.callsInFlight = 2
            script.replicas.stopped = [(Self.log(4), "unknown kind")]
            script.replicas.rebuilding = 1
        }
        let reply = try await harness.reply(.status, Meridian_V1_StatusRequest(), Meridian_V1_StatusReply.self)
        #expect(reply.mirrors.map(\.state) == [.stopped, .lost] && reply.unmirroredEvents == 6)
        let first = reply.mirrors[0]
        #expect(first.lagEvents == 4 && first.lagMs == 90 && first.lagP50Ms == 3 && !first.hasLagP99Ms)
        #expect(first.clockOffsetMs == -12 && first.roundTripUs == 700 && first.lastHeardMs == 40)
        #expect(first.stopped.map(\.incarnation) == [0xab] && !reply.mirrors[1].hasLastHeardMs)
        #expect(reply.clock.state == .alarm && reply.clock.reason == "far off")
        #expect(
            reply.alarms.map(\.name) == ["clock_alarm", "mirror_stopped", "mirror_lost", "replica_stopped"])
        #expect(reply.callsInFlight == 2 && reply.rebuildingPartitions == 1 && reply.partitionStates.isEmpty)
    }

    @Test func vectorsAreThereOnDemand() async throws {
        var request = Meridian_V1_StatusRequest()
        request.includePartitions = true
        let reply = try await harness.reply(.status, request, Meridian_V1_StatusReply.self)
        #expect(reply.partitionStates.map(\.partition) == [1, 5])
        #expect(reply.partitionStates[0].vector.map(\.next) == [12])
    }

    /// A region without trouble pages nobody; one that is alone has no mirrors to lose.
    @Test func aQuietNodeHasNoAlarm() async throws {
        node.script.withLock { $0.mirrors = [Self.mirror(1, connected: true)] }
        let reply = try await harness.reply(.status, Meridian_V1_StatusRequest(), Meridian_V1_StatusReply.self)
        #expect(reply.alarms.isEmpty && reply.clock.state == .trusted)
    }

    @Test func thousandsOfStoppedLogsDoNotFillAnAnswer() {
        let mirror = Self.mirror(1, connected: true, stopped: 3_000)
        let alarms = NodeAlarm.all(state: .active, clock: .trusted, mirrors: [mirror], replicas: [])
        #expect(alarms.count == NodeAlarm.maxListed + 1)
        #expect(alarms.last?.detail.hasSuffix("2936 logs more") == true)
    }

    /// A8: half of the places taken is the time to look, and all of them another alarm.
    @Test(arguments: [(4, nil), (5, "connections_high"), (9, "connections_high"), (10, "connections_full")])
    func connectionsAreAlarmedAtHalfAndAtAll(open: Int, name: String?) {
        let api = ListenerOccupancy(listener: "api", occupancy: LinkOccupancy(open: open, limit: 10))
        let alarms = NodeAlarm.all(
            state: .active, clock: .trusted, mirrors: [], replicas: [], occupancies: [api])
        #expect(alarms.map(\.name.rawValue) == [name].compactMap { $0 })
        #expect(alarms.allSatisfy { $0.detail.contains("\(open) connections of 10") })
        #expect(alarms.allSatisfy { $0.name.runbook == "connections-full.md" })
    }

    /// S10: every region is in the answer, the one that does not answer with its failure.
    @Test func digestsOfAllRegionsStandTogether() async throws {
        node.script.withLock { script in
            script.mirrors = [Self.mirror(1, connected: true), Self.mirror(3, connected: false)]
            script.peers[RegionNumber(1)] = [FakeNode.report(of: 5), FakeNode.report(of: 1)]
        }
        var request = Meridian_V1_DigestRequest()
        request.allRegions = true
        let reply = try await harness.reply(.digest, request, Meridian_V1_DigestReply.self)
        #expect(reply.regions.map(\.region) == [1, 2, 3])
        #expect(reply.regions.map(\.regionName) == ["r1", "eu \"west\"", "r3"])
        #expect(reply.regions[0].partitions.map(\.partition) == [1, 5] && reply.regions[0].failure.isEmpty)
        #expect(reply.regions[1].partitions == reply.partitions)
        #expect(reply.regions[2].failure == "region far timed out: no reply" && reply.regions[2].partitions.isEmpty)
        request.partitions = [5]
        let one = try await harness.reply(.digest, request, Meridian_V1_DigestReply.self)
        #expect(one.regions[0].partitions.map(\.partition) == [5])
        #expect(one.regions[1].partitions.map(\.partition) == [5])
    }

    @Test func aRegionThatIsAloneIsAllRegions() async throws {
        var request = Meridian_V1_DigestRequest()
        request.allRegions = true
        let reply = try await harness.reply(.digest, request, Meridian_V1_DigestReply.self)
        #expect(reply.regions.map(\.region) == [2])
    }

    private func evacuate(force: Bool = false) async throws -> Meridian_V1_EvacuateReply {
        var request = Meridian_V1_EvacuateRequest()
        request.force = force
        return try await harness.reply(.evacuate, request, Meridian_V1_EvacuateReply.self)
    }

    @Test func evacuationIsCompleteOnceEverythingIsElsewhere() async throws {
        node.script.withLock { script in
            script.mirrors = [Self.mirror(1, connected: true), Self.mirror(3, connected: false)]
            (script.unmirrored, script.callsInFlight) = (5, 1)
        }
        var reply = try await evacuate()
        #expect(reply.state == .evacuated && !reply.isComplete && reply.connectedRegions == 1)
        #expect(reply.unmirroredEvents == 5 && reply.unflushedRecords == 2 && reply.callsInFlight == 1)
        node.script.withLock { $0.callsInFlight = 0 }
        #expect(try await !evacuate().isComplete, "records wait for the disk")
        node.script.withLock { $0.unflushedRecords = 0 }
        #expect(try await !evacuate().isComplete, "records are nowhere else")
        node.script.withLock { $0.unmirrored = 0 }
        reply = try await evacuate()
        #expect(reply.isComplete && reply.regionName == "eu \"west\"")
    }

    /// The safety check: users would have no region left.
    @Test(arguments: [[], [RegionOperationTests.mirror(1, connected: false)]])
    func evacuationNeedsAnotherRegion(mirrors: [MirrorFacts]) async throws {
        node.script.withLock { $0.mirrors = mirrors }
        let answer = try harness.call(harness.api(), .evacuate)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [queue = harness.queue] in await queue.run() }
            #expect(await harness.reason(answer) == "NO_REGION_CONNECTED")
            group.cancelAll()
        }
        #expect(node.state == .active)
        #expect(try await evacuate(force: true).state == .evacuated)
        #expect(try await evacuate().state == .evacuated, "who asks how it goes needs no force")
    }

    @Test(arguments: [(NodeState.starting, "NODE_STARTING"), (.draining, "NODE_DRAINING")])
    func onlyAServingRegionIsEvacuated(state: NodeState, reason: String) async throws {
        node.script.withLock { script in
            script.mirrors = [Self.mirror(1, connected: true)]
            script.state = state
        }
        let answer = try harness.call(harness.api(), .evacuate)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [queue = harness.queue] in await queue.run() }
            #expect(await harness.reason(answer) == reason)
            group.cancelAll()
        }
    }

    /// S2: only an operator who says so makes the guard forget what it saw.
    @Test(arguments: [false, true]) func resumeTrustsTheClockOnDemand(trust: Bool) async throws {
        node.state = .evacuated
        var request = Meridian_V1_ResumeRequest()
        request.trustClock = trust
        let reply = try await harness.reply(.resume, request, Meridian_V1_ResumeReply.self)
        #expect(reply.state == .active)
        #expect(node.script.withLock(\.timesClockWasTrusted) == (trust ? 1 : 0))
    }
}
