// OperatorService.Evacuate, and the node's state on the wire.

import ClusterModel
import EventLog
import MeridianProtocol
import Personalization
import ServingAPI

extension OperatorAPI {
    /// Begins, or says how it goes. Refused where users would have no region to turn to, unless that is wanted; a region
    /// that is evacuated already only says how it goes.
    func evacuate(
        _ request: Meridian_V1_EvacuateRequest
    ) async throws(Refusal) -> Meridian_V1_EvacuateReply {
        let connected = control.mirrors.count { $0.isConnected }
        guard connected > 0 || request.force || control.state == .evacuated else {
            throw Refusal(
                .noRegionConnected, "no other region is connected: users would have none left; force goes on anyway")
        }
        guard await control.evacuate() else {
            throw control.state == .starting ? Refusal(.nodeStarting, "the node is starting") : Self.stopping
        }
        // In this order: see EvacuationFacts.
        let calls = control.callsInFlight
        let unflushed = await control.shardReports().reduce(0) { $0.adding(clamping: $1.unflushedRecords) }
        let facts = EvacuationFacts(
            state: control.state, callsInFlight: calls, unflushedRecords: unflushed, unmirrored: control.unmirrored)
        var reply = Meridian_V1_EvacuateReply(facts)
        reply.region = region
        reply.regionName = control.facts.regionName
        reply.serverTimeMs = serverTime
        reply.connectedRegions = UInt32(clamping: connected)
        return reply
    }
}

extension Meridian_V1_EvacuateReply {
    init(_ facts: EvacuationFacts) {
        self.init()
        state = Meridian_V1_NodeState(facts.state)
        callsInFlight = UInt64(clamping: facts.callsInFlight)
        unflushedRecords = UInt64(clamping: facts.unflushedRecords)
        unmirroredEvents = facts.unmirrored ?? 0
        isComplete = facts.isComplete
    }
}

extension Meridian_V1_NodeState {
    init(_ state: NodeState) {
        switch state {
        case .starting: self = .starting
        case .active: self = .active
        case .impaired: self = .impaired
        case .draining: self = .draining
        case .fenced: self = .fenced
        case .evacuated: self = .evacuated
        }
    }
}
