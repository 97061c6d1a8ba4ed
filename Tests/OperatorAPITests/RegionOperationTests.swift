// What OperatorService says and does about regions: mirrors, clocks, digests of all regions, evacuation.

import ClusterModel
import EventLog
import Foundation
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

    /// FAULTS 31, S1, S3, C17: each condition has its name, its runbook and its series.
    @Test func whatRegionsSayOfThemselvesAlarmsByName() async throws {
        var mirror = Self.mirror(1, connected: true)
        mirror.findings = [TermsFinding(.partitions, "16 here"), TermsFinding(.tokenKeys, "key 1")]
        mirror.rival = "incarnation 9 is refused"
        (mirror.isBehind, mirror.lagEvents, mirror.lagMilliseconds) = (true, 7, 61_000)
        (mirror.isSilent, mirror.silentFor) = (true, .seconds(40))
        mirror.standing = [StoppedLog(log: Self.log(3), reason: "at 5 of 9")]
        let (near, urgent) = (
            CredentialExpiry(kind: .authority, file: "ca.pem", subject: "ca", secondsLeft: 20 * 86_400, stage: .near),
            CredentialExpiry(kind: .certificate, file: "n.pem", subject: "n", secondsLeft: -1, stage: .urgent)
        )
        node.script.withLock { [mirror] script in
            script.mirrors = [mirror]
            script.credentials = [near, urgent]
            script.replicas.stopped = [(Self.log(4), "unknown kind")]
        }
        let reply = try await harness.reply(.status, Meridian_V1_StatusRequest(), Meridian_V1_StatusReply.self)
        let alarms = Dictionary(reply.alarms.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        #expect(
            Set(alarms.keys) == [
                "credential_expiring", "credential_urgent", "link_refused", "terms_differ", "region_claimed",
                "mirror_behind",
                "mirror_silent", "mirror_standing", "replica_stopped",
            ])
        #expect(alarms["link_refused"]?.detail == "region r1, partitions: 16 here")
        #expect(alarms["mirror_behind"]?.detail.contains("7 events") == true)
        #expect(alarms["credential_urgent"]?.detail.contains("n.pem") == true)
        #expect(reply.alarms.allSatisfy { $0.runbook.hasSuffix(".md") })
        let metrics = MetricsRegistry()
        _ = AdminPages(control: node, metrics: metrics)
        let page = metrics.page()
        for series in [
            "meridian_alarms{name=\"replica_stopped\"} 1",
            "meridian_alarms{name=\"link_refused\"} 1", "meridian_alarms{name=\"mirror_lost\"} 0",
            "meridian_mirror_terms_differ{region=\"r1\"} 2", "meridian_mirror_link_refused{region=\"r1\"} 1",
            "meridian_mirror_standing_logs{region=\"r1\"} 1", "meridian_credential_days_left{kind=\"authority\"} 20",
        ] {
            #expect(page.contains(series), "\(series)")
        }
    }

    @Test func everyRunbookThatAnAlarmNamesIsThere() throws {
        let root = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }
        for name in NodeAlarm.Name.allCases {
            #expect(FileManager.default.fileExists(atPath: "\(root)/Runbooks/\(name.runbook)"), "\(name.rawValue)")
        }
    }

    /// A4: nothing is equal to a region that nobody asked.
    @Test func a4ARegionThatOnlyAnotherListsIsNotAsked() async throws {
        var mirror = Self.mirror(1, connected: true)
        let ap = RegionTerms.Member(number: RegionNumber(9), name: "ap")
        mirror.findings = [TermsFinding(.members, "ap", unlisted: ap)]
        node.script.withLock { [mirror] script in
            script.mirrors = [mirror]
            script.peers[RegionNumber(1)] = [FakeNode.report(of: 5), FakeNode.report(of: 1)]
        }
        var request = Meridian_V1_DigestRequest()
        request.allRegions = true
        let reply = try await harness.reply(.digest, request, Meridian_V1_DigestReply.self)
        #expect(reply.regions.map(\.region) == [1, 2, 9])
        #expect(reply.regions[2].failure.contains("was not asked: region r1 lists it"))
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

    /// S1b: long before a start has to wait, people hear who holds its region's starts up.
    @Test("FAULTS 14: a full disk is an alarm of its own, with what is free, what is needed and what to do")
    func aJournalWithoutRoomIsAnAlarm() {
        var upkeep = LogUpkeepFacts()
        (upkeep.freeBytes, upkeep.journalBytes, upkeep.boundBytes) = (4_096, 5 << 30, 0)
        func alarm(_ standstill: LogUpkeepFacts.Standstill?) -> NodeAlarm? {
            upkeep.standstill = standstill
            return NodeAlarm.all(state: .active, clock: .trusted, mirrors: [], replicas: [], upkeep: upkeep)
                .first { $0.name == .diskFull }
        }
        #expect(alarm(nil) == nil)
        let full = alarm(.disk(directory: "/var/lib/meridian", needed: 75_497_472))
        #expect(full?.name.runbook == "disk-full.md" && full?.name.rawValue == "disk_full")
        for word in ["/var/lib/meridian", "4096 bytes free", "75497472", "free space"] {
            #expect(full?.detail.contains(word) == true, "\(word)")
        }
        upkeep.boundBytes = 6 << 30
        #expect(alarm(.bound)?.detail.contains("log.max_bytes (6442450944)") == true)
        #expect(alarm(.descriptors)?.detail.contains("LimitNOFILE") == true)
    }

    @Test(arguments: [(255, 0), (256, 1), (5_000, 1)])
    func startsThatPileUpAreAlarmed(count: Int, alarms: Int) {
        var upkeep = LogUpkeepFacts()
        upkeep.unsettled = UnsettledStarts(region: RegionNumber(2), count: count, heldUpBy: RegionNumber(3))
        let found = NodeAlarm.all(state: .active, clock: .trusted, mirrors: [], replicas: [], upkeep: upkeep)
        #expect(found.count == alarms && found.allSatisfy { $0.name.rawValue == "starts_unsettled" })
        #expect(found.allSatisfy { $0.detail.contains("region 2") && $0.detail.contains("held up by region 3") })
    }

    /// S1b: a start that opens nothing says so, in place of how many there are.
    @Test func aStartThatOpensNothingIsAlarmed() {
        var upkeep = LogUpkeepFacts()
        upkeep.unsettled = UnsettledStarts(region: RegionNumber(2), count: 1_024, heldUpBy: RegionNumber(3))
        upkeep.writesHeld = "1024 starts wait for region c"
        let found = NodeAlarm.all(state: .active, clock: .trusted, mirrors: [], replicas: [], upkeep: upkeep)
        #expect(found.map(\.name.rawValue) == ["starts_unsettled"])
        #expect(found.first?.detail == "writes are refused: 1024 starts wait for region c")
    }

    /// H1: half of the catalogue's bounds is the time to look; of both, two alarms.
    @Test(arguments: [(49, 0, 0), (50, 0, 1), (100, 0, 1), (0, 49, 0), (0, 50, 1), (80, 60, 2)])
    func theCatalogueIsAlarmedAtHalf(items: Int, tombstones: Int, alarms: Int) {
        let catalogue = CatalogueOccupancy(items: items, tombstones: tombstones, limit: 100)
        let found: [NodeAlarm] = NodeAlarm.all(
            state: .active, clock: .trusted, mirrors: [], replicas: [], occupancy: StateOccupancy(catalogue: catalogue))
        #expect(found.map(\.name) == [NodeAlarm.Name](repeating: .catalogueFilling, count: alarms))
        #expect(found.allSatisfy { $0.name.runbook == "state-filling.md" })
    }

    /// H2: users and rows of markers each have their bound and their alarm; the fullest partition is named.
    @Test(arguments: [(49, 4, 0), (50, 4, 1), (49, 5, 1), (100, 30, 2)])
    func usersAndMarkersAreAlarmedAtHalf(users: Int, markers: Int, alarms: Int) {
        func shard(_ number: UInt32, users: Int, markers: Int) -> ShardOccupancy {
            ShardOccupancy(
                partition: PartitionID(number), users: users, maxUsers: 100, markerRows: markers, maxMarkerRows: 10)
        }
        let shards = [
            shard(0, users: 0, markers: 0), shard(1, users: users, markers: 0), shard(2, users: 2, markers: markers),
        ]
        let found: [NodeAlarm] = NodeAlarm.all(
            state: .active, clock: .trusted, mirrors: [], replicas: [], occupancy: StateOccupancy(shards: shards))
        #expect(found.map(\.name) == [NodeAlarm.Name](repeating: .usersFilling, count: alarms))
        if users >= 50 { #expect(found.first?.detail.hasPrefix("partition 1 has \(users) users of 100") == true) }
        if markers >= 5 {
            #expect(found.last?.detail.hasPrefix("partition 2 has \(markers) rows that hold only") == true)
        }
    }

    @Test func aNodeThatDoesNotServeYetFillsNothing() {
        #expect(NodeAlarm.all(state: .starting, clock: .trusted, mirrors: [], replicas: []).isEmpty)
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
        #expect(reply.regions[0].content.contents == 4 && reply.regions[0].content == reply.content)
        #expect(reply.regions[1].content == reply.content && !reply.regions[2].hasContent)
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
