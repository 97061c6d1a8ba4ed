// The way of events from a decoded request to the shard and back, for all services that append.

import ClusterModel
import MergeableState
import MeridianProtocol
import NodeEnvironment
import Personalization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The events of one call that passed the door, and those that did not, in the order of the request.
struct JudgedEvents {
    private(set) var submitted: [SubmittedEvent] = []
    /// By place in the request, ascending.
    private(set) var refused: [(place: Int, refusal: EventRefusal, id: EventID?)] = []

    init(capacity: Int) { submitted.reserveCapacity(capacity) }

    mutating func append(_ verdict: DoorVerdict) {
        switch verdict {
        case .submitted(let event): submitted.append(event)
        case .refused(let refusal, let id):
            refused.append((submitted.count + refused.count, refusal, id))
        }
    }

    /// The results of all events in the order of the request.
    func results(
        _ shard: [EventResult], reached: RequestedDurability
    ) -> [Meridian_V1_EventResult] {
        var results: [Meridian_V1_EventResult] = []
        results.reserveCapacity(shard.count + refused.count)
        var next = refused.startIndex
        func appendRefused() {
            while next < refused.endIndex, refused[next].place == results.count {
                results.append(Meridian_V1_EventResult(refused: refused[next].refusal, id: refused[next].id))
                next += 1
            }
        }
        for result in shard {
            appendRefused()
            results.append(Meridian_V1_EventResult(result, durability: reached))
        }
        appendRefused()
        return results
    }
}

/// Appends for one user.
struct EventWrites: Sendable {
    let edge: ServingEdge
    let shards: any ShardRouting

    /// Appends what passed the door and completes with what became of it; with no event left the shard is not asked.
    func report(
        _ events: [SubmittedEvent], of user: UserKey, durability: RequestedDurability, deadline: BootInstant?,
        completion: @escaping @Sendable (Result<ReportOutcome, ShardError>) -> Void
    ) {
        if events.isEmpty {
            return completion(.success(ReportOutcome(results: [], session: VersionVector(), reached: durability)))
        }
        // What waits for other regions says nothing of this node's disk.
        let waitsSince = durability == .local ? edge.clock.bootTime() : nil
        if let waitsSince { edge.admission.flushes.begin(at: waitsSince) }
        shards.report(events, of: user, durability: durability, deadline: deadline) { outcome in
            if let waitsSince { edge.admission.flushes.end(since: waitsSince) }
            if case .success(let outcome) = outcome { count(outcome) }
            completion(outcome)
        }
    }

    /// One event whose refusal is the call's.
    func write(
        _ event: UserEvent, id: EventID?, of user: UserKey, durability: RequestedDurability, session: VersionVector?,
        answering open: OpenCall
    ) {
        report(
            [SubmittedEvent(id: id, event: event)], of: user, durability: durability, deadline: open.call.deadline
        ) { outcome in
            let now = edge.clock.wallTime()
            switch outcome {
            case .failure(let error): open.refuse(Refusal(error, now: now))
            case .success(let outcome):
                guard let result = outcome.results.first else {
                    return open.refuse(Refusal(.internalFault, "the shard did not say what became of the event"))
                }
                if let refusal = result.refusal {
                    let isErase = if case .erase = event { true } else { false }
                    return open.refuse(
                        isErase && refusal == .shardFull ? .noRoomForErase : Refusal(refusal, now: now))
                }
                var reply = Meridian_V1_UserWriteReply()
                reply.result = Meridian_V1_EventResult(result, durability: outcome.reached)
                reply.sessionToken = token(session, outcome.session, of: user)
                reply.region = edge.region
                reply.serverTimeMs = edge.serverTime.milliseconds
                open.succeed(reply)
            }
        }
    }

    /// The token that covers what the call's session named and its own events (S12).
    func token(_ session: VersionVector?, _ positions: VersionVector, of user: UserKey) -> Data {
        let merged = edge.sessions.merged(session, positions)
        return Data(edge.sessions.seal(merged, partition: user.partition(of: shards.partitions)))
    }

    private func count(_ outcome: ReportOutcome) {
        var applied = 0
        var duplicate = 0
        for result in outcome.results {
            switch result.outcome {
            case .applied: applied += 1
            case .duplicate: duplicate += 1
            case .refused, .shardFull: if let refusal = result.refusal { edge.metrics.eventRefused(refusal) }
            }
        }
        edge.metrics.eventsCounted(applied: applied, duplicate: duplicate)
    }
}
