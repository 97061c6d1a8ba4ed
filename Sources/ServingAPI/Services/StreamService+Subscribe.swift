// A subscriber's call: from its request to the last effect that it takes.

import ClusterModel
import GRPCFraming
import MeridianProtocol
import NIOCore
import NodeEnvironment
import Personalization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension StreamService {
    /// A reply goes out after so long without any effect: its cursor lets go of what was read meanwhile.
    static let heartbeat: Duration = .seconds(10)

    /// What a request asks for, checked.
    private struct Ask {
        var group: StreamGroup
        var partitions: [PartitionID]
        /// Goes before what the group committed; nil: where the group stands.
        var from: StreamCursor?
        var start: EffectSubscription.Start
        var trimmed: EffectSubscription.Trimmed
    }

    func subscribe(_ call: StreamCall) {
        switch edge.admission.state {
        case .active, .fenced, .evacuated, .impaired: break
        case .starting: return refuse(call, Refusal(.nodeStarting, "the node is starting"))
        case .draining: return refuse(call, Refusal(.nodeDraining, "the node is draining: turn to another one"))
        }
        let place: SubscriberPlace
        switch places.take(for: call.peer) {
        case .taken(let taken): place = taken
        case .full:
            return refuse(
                call, Refusal(.tooManySubscribers, "this node has \(places.limit) subscribers already"))
        case .shareSpent:
            return refuse(
                call, Refusal(.tooManySubscribers, "this client has its share of this node's subscribers already"))
        }
        door.tasks.start(call) { [self] call in
            // The place is kept as long as the call, and given back if the call never gets its turn.
            defer { place.leave() }
            do {
                try await serve(call)
            } catch let refusal as Refusal {
                edge.metrics.refused(refusal.reason)
                throw refusal.status
            }
        }
    }

    private func refuse(_ call: StreamCall, _ refusal: Refusal) {
        edge.metrics.refused(refusal.reason)
        call.fail(refusal.status)
    }

    private func serve(_ call: StreamCall) async throws {
        let ask = try await readAsk(call)
        try check(ask.group, call.peer, Self.subscribePath)
        let known = try knownCursor(of: ask.group, isNeeded: ask.from == nil)
        var subscription = EffectSubscription(door.source, trimmed: ask.trimmed)
        defer { subscription.end() }
        do throws(EffectFailure) {
            var cursor = known ?? StreamCursor()
            if let from = ask.from { cursor.take(from) }
            try await subscription.begin(ask.partitions, from: cursor.positions, else: ask.start)
        } catch {
            throw Self.status(of: error, tokens)
        }
        try await commitStart(of: ask, known, at: subscription.positions, for: call.peer)
        door.groups.onSubscribed(ask.group)
        defer { door.groups.onUnsubscribed(ask.group) }
        try await deliver(&subscription, of: ask.group, to: call)
    }

    /// The status or the refusal that a failure ends the call with. Cancelled: the node stops, or nobody hears.
    private static func status(of failure: EffectFailure, _ tokens: StreamTokens) -> any Error {
        switch failure {
        case .cancelled: RPCStatus(.unavailable, "the node stops")
        default: Refusal(failure, tokens: tokens)
        }
    }

    private func readAsk(_ call: StreamCall) async throws -> Ask {
        guard let message = try await call.next() else { throw Refusal.malformed }
        let request: Meridian_V1_SubscribeRequest
        do { request = try Meridian_V1_SubscribeRequest(reading: message) } catch { throw Refusal.malformed }
        return try ask(request)
    }

    private func ask(_ request: Meridian_V1_SubscribeRequest) throws(Refusal) -> Ask {
        let start: EffectSubscription.Start =
            switch request.start {
            case .latest: .latest
            case .earliest: .earliest
            case .UNRECOGNIZED: throw .outOfBounds("start", "not a start of this version")
            }
        return Ask(
            group: try Self.group(request.group, request.topic), partitions: try partitions(request.partitions),
            from: request.from.isEmpty ? nil : try cursor(request.from, "from"), start: start,
            trimmed: request.skipTrimmed ? .skipped : .refused)
    }

    private func partitions(_ numbers: [UInt32]) throws(Refusal) -> [PartitionID] {
        let all = door.source.shards.partitions
        guard !numbers.isEmpty else { return Array(all.all) }
        guard numbers.count <= PartitionCount.maximum, numbers.allSatisfy({ $0 < UInt32(all.rawValue) }) else {
            throw .outOfBounds("partitions", "numbers below \(all.rawValue)")
        }
        return Set(numbers).sorted().map { PartitionID($0) }
    }

    private func knownCursor(of group: StreamGroup, isNeeded: Bool) throws(Refusal) -> StreamCursor? {
        do throws(StreamGroupError) {
            return try door.groups.cursor(of: group)
        } catch {
            if isNeeded { throw Refusal(error) }
            return nil
        }
    }

    /// A group begins where it begins for good: what comes between its first call and its first commit is not skipped
    /// when it calls again. The same for partitions that it has not read before.
    private func commitStart(
        of ask: Ask, _ known: StreamCursor?, at positions: [PartitionID: EffectPosition], for peer: PeerIdentity
    ) async throws(Refusal) {
        let new = positions.filter { known?.positions[$0.key] == nil }
        guard !new.isEmpty else { return }
        let share = share(of: peer)
        let outcome = await withCheckedContinuation { continuation in
            door.groups.commit(StreamCursor(new), of: ask.group, at: edge.clock.wallTime(), share: share) {
                continuation.resume(returning: $0)
            }
        }
        if case .failure(let error) = outcome { throw Refusal(error) }
    }

    private func deliver(
        _ subscription: inout EffectSubscription, of group: StreamGroup, to call: StreamCall
    ) async throws {
        var told: [PartitionID: EffectPosition] = [:]
        var quietSince = edge.clock.bootTime()
        // Told with the next reply, whose cursor is the first that stands behind what was left out.
        var skipped: Set<PartitionID> = []
        while true {
            var effects: [Effect]
            do throws(EffectFailure) {
                effects = try await subscription.next(within: Self.heartbeat)
            } catch {
                throw Self.status(of: error, tokens)
            }
            // The rules may have been replaced since.
            try check(group, call.peer, Self.subscribePath)
            effects.removeAll { !group.topic.includes($0.event) }
            let now = edge.clock.bootTime()
            skipped.formUnion(subscription.takeSkipped())
            guard !effects.isEmpty || now.since(quietSince) >= Self.heartbeat else { continue }
            quietSince = now
            let positions = subscription.positions
            guard !effects.isEmpty || positions != told else { continue }
            told = positions
            let message = try reply(effects, positions, skipped)
            metrics.onSkipped(partitions: skipped.count)
            skipped = []
            // The caller's pace: nothing is read for it meanwhile.
            try await call.send(message)
            metrics.onReply(effects: effects.count)
        }
    }

    private func reply(
        _ effects: [Effect], _ positions: [PartitionID: EffectPosition], _ skipped: Set<PartitionID>
    ) throws(Refusal) -> ByteBuffer {
        guard let cursor = tokens.seal(StreamCursor(positions)) else {
            throw Refusal(.internalFault, "a cursor of so many logs has no room in a token: read fewer partitions")
        }
        var reply = Meridian_V1_SubscribeReply()
        reply.effects = effects.map { Meridian_V1_SubscribeReply.Effect($0) }
        reply.cursor = Data(cursor)
        reply.region = edge.region
        reply.skippedPartitions = skipped.map(\.rawValue).sorted()
        reply.serverTimeMs = edge.serverTime.milliseconds
        do {
            return try reply.encodedBuffer()
        } catch {
            throw Refusal(.internalFault, "the reply could not be encoded")
        }
    }
}
