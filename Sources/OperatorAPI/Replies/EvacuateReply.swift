// OperatorService.Evacuate, and the node's state on the wire.

import ClusterModel
import EventLog
import MeridianProtocol
import NodeEnvironment
import Personalization
import ServingAPI

extension OperatorAPI {
    /// Begins, or says how it goes. Refused where users would have no region to turn to, or none that can take them, unless
    /// that is wanted, which is recorded; a region that is evacuated already only says how it goes.
    func evacuate(
        _ request: Meridian_V1_EvacuateRequest, by caller: PeerIdentity, asking deadline: BootInstant
    ) async throws(Refusal) -> Meridian_V1_EvacuateReply {
        let isNew = control.state != .evacuated
        let problem = await isNew ? evacuationProblem(by: deadline) : nil
        if let problem, !request.force { throw problem }
        guard await control.evacuate() else {
            throw control.state == .starting ? Refusal(.nodeStarting, "the node is starting") : Self.stopping
        }
        if isNew, request.force {
            let reason = problem?.message ?? "nothing speaks against it"
            await control.record(
                OperatorEvent(
                    .forcedEvacuation, at: now, caller: caller.certificateURI ?? caller.address, reason: reason))
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
        reply.connectedRegions = UInt32(clamping: control.mirrors.count { $0.isConnected })
        return reply
    }

    /// What speaks against sending this region's users away (FAULTS 1.38); all regions that are connected are asked
    /// at once.
    private func evacuationProblem(by deadline: BootInstant) async -> Refusal? {
        // A node that does not serve says so itself.
        guard control.state != .starting, control.state != .draining else { return nil }
        let connected = control.mirrors.filter(\.isConnected)
        guard !connected.isEmpty else {
            return Refusal(
                .noRegionConnected, "no other region is connected: users would have none left; force goes on anyway")
        }
        let users = await control.shardReports().reduce(UInt64(0)) { $0.adding(clamping: UInt64(clamping: $1.users)) }
        let load = EvacuationLoad(users: users, callsInFlight: UInt64(clamping: control.callsInFlight))
        let answers = await withTaskGroup(of: CapacityAnswer.self) { group in
            for peer in connected { group.addTask { [control] in await Self.ask(peer, control, by: deadline) } }
            var answers: [CapacityAnswer] = []
            for await answer in group { answers.append(answer) }
            return answers.sorted { $0.name < $1.name }
        }
        guard let problem = EvacuationPreflight(load, answers).problem else { return nil }
        return Refusal(.noRegionHasRoom, "no other region can take the users: \(problem); force goes on anyway")
    }

    /// Never throws, and answers with a value of its own: a tuple with a result in a task group was read wrongly (Swift 6.3.1).
    private static func ask(
        _ peer: MirrorFacts, _ control: any NodeControl, by deadline: BootInstant
    ) async -> CapacityAnswer {
        do {
            let capacity = try await control.capacity(of: peer.region, by: deadline)
            return CapacityAnswer(name: peer.name, answer: .success(capacity))
        } catch {
            return CapacityAnswer(name: peer.name, answer: .failure(error))
        }
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
