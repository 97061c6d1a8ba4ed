// What a node is and does, as OperatorService.Status answers it.

import ClusterModel
import EventLog
import MeridianProtocol
import Personalization

extension OperatorAPI {
    func status(_ request: Meridian_V1_StatusRequest) async -> Meridian_V1_StatusReply {
        let shards = await control.shardReports()
        let replicas = await control.replicaFacts()
        let occupancy = control.occupancy
        let (facts, state, mirrors, clock) = (control.facts, control.state, control.mirrors, control.clock)
        var reply = Meridian_V1_StatusReply()
        reply.region = region
        reply.serverTimeMs = serverTime
        reply.deployment = facts.deploymentID
        reply.node = facts.node
        reply.state = Meridian_V1_NodeState(state)
        reply.uptimeMs = control.uptime.wholeMilliseconds
        reply.version = facts.version
        reply.partitions = UInt32(clamping: facts.partitions.rawValue)
        reply.users = shards.reduce(0) { $0.adding(clamping: UInt64(clamping: $1.users)) }
        reply.markerRows = shards.reduce(0) { $0.adding(clamping: UInt64(clamping: $1.markerRows)) }
        reply.take(occupancy.catalogue)
        reply.indexedIds = shards.reduce(0) { $0.adding(clamping: UInt64(clamping: $1.indexedIDs)) }
        reply.unflushedRecords = shards.reduce(0) { $0.adding(clamping: UInt64(clamping: $1.unflushedRecords)) }
        reply.regionName = facts.regionName
        reply.callsInFlight = UInt64(clamping: control.callsInFlight)
        reply.mirrors = mirrors.map(Meridian_V1_MirrorStatus.init)
        reply.unmirroredEvents = control.unmirrored ?? 0
        reply.clock = Meridian_V1_ClockStatus(clock)
        reply.take(replicas)
        reply.bootstrap = Meridian_V1_BootstrapStatus(control.bootstrap)
        if let age = control.upkeep.personalDataSeconds { reply.personalDataSeconds = age }
        if let left = control.upkeep.personalDataSecondsLeft { reply.personalDataSecondsLeft = left }
        reply.alarms = NodeAlarm.all(
            state: state, clock: clock, mirrors: mirrors, replicas: replicas.stoppedLogs,
            upkeep: control.upkeep, bootstrap: control.bootstrap, credentials: control.credentials,
            occupancies: control.occupancies, occupancy: occupancy, unserved: control.unserved
        ).map(Meridian_V1_Alarm.init)
        reply.operatorEvents = control.operatorEvents.map(Meridian_V1_OperatorEvent.init)
        if request.includePartitions {
            reply.partitionStates = shards.sorted { $0.partition < $1.partition }.map(Meridian_V1_PartitionDigest.init)
        }
        return reply
    }
}

extension Meridian_V1_StatusReply {
    fileprivate mutating func take(_ catalogue: CatalogueOccupancy) {
        catalogueItems = UInt64(clamping: catalogue.items)
        catalogueTombstones = UInt64(clamping: catalogue.tombstones)
        catalogueLimit = UInt64(clamping: catalogue.limit)
    }

    fileprivate mutating func take(_ replicas: ReplicaFacts) {
        rebuildingPartitions = UInt32(clamping: replicas.rebuilding)
        heldLogs = UInt32(clamping: replicas.held.count)
        if let age = replicas.freshness.p50Milliseconds { freshnessP50Ms = Double(age) }
        if let age = replicas.freshness.p99Milliseconds { freshnessP99Ms = Double(age) }
    }
}

extension Meridian_V1_BootstrapStatus {
    fileprivate init(_ facts: BootstrapFacts) {
        self.init()
        waiting = UInt32(clamping: facts.waiting)
        done = facts.done
        bytes = facts.bytes
        current = facts.current ?? ""
        sourceRegion = UInt32(facts.source?.rawValue ?? 0)
        positionBytes = facts.position
        lengthBytes = facts.length
        failure = facts.failure ?? ""
    }
}

extension Meridian_V1_MirrorStatus {
    fileprivate init(_ facts: MirrorFacts) {
        self.init()
        region = UInt32(facts.region.rawValue)
        regionName = facts.name
        state = Meridian_V1_MirrorState(facts.state)
        endpoint = facts.endpoint ?? ""
        if let age = facts.sinceHeard { lastHeardMs = age.wholeMilliseconds }
        lagEvents = facts.lagEvents
        lagMs = facts.lagMilliseconds
        if let lag = facts.lagP50Milliseconds { lagP50Ms = lag }
        if let lag = facts.lagP99Milliseconds { lagP99Ms = lag }
        if let offset = facts.clockOffsetMilliseconds { clockOffsetMs = offset }
        if let time = facts.roundTrip { roundTripUs = time.wholeMicroseconds }
        if let version = facts.applyVersion { applyVersion = version }
        receivedBytes = facts.receivedBytes
        receivedBatches = facts.receivedBatches
        lostLinks = facts.lostLinks
        lastFailure = facts.lastFailure ?? ""
        stopped = facts.stopped.prefix(NodeAlarm.maxListed).map(Meridian_V1_StoppedLog.init)
    }
}

extension Meridian_V1_MirrorState {
    fileprivate init(_ state: MirrorFacts.State) {
        switch state {
        case .connected: self = .connected
        case .lost: self = .lost
        case .stopped: self = .stopped
        }
    }
}

extension Meridian_V1_StoppedLog {
    fileprivate init(_ stopped: StoppedLog) {
        self.init()
        region = UInt32(stopped.log.name.region.rawValue)
        topic = UInt32(stopped.log.name.topic.rawValue)
        partition = stopped.log.name.partition.rawValue
        incarnation = stopped.log.incarnation.rawValue
        reason = stopped.reason
    }
}

extension Meridian_V1_ClockStatus {
    fileprivate init(_ verdict: ClockVerdict) {
        self.init()
        reason = verdict.reason
        switch verdict {
        case .trusted: state = .trusted
        case .alarm: state = .alarm
        case .refusing: state = .refusing
        }
    }
}

extension Meridian_V1_OperatorEvent {
    fileprivate init(_ event: OperatorEvent) {
        self.init()
        act = event.act.word
        atMs = event.at.milliseconds
        caller = event.caller
        reason = event.reason
    }
}

extension Meridian_V1_Alarm {
    fileprivate init(_ alarm: NodeAlarm) {
        self.init()
        name = alarm.name.rawValue
        detail = alarm.detail
        runbook = alarm.name.runbook
    }
}
