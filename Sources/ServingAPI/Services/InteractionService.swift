// What users did: the hot path of writes.

import ClusterModel
import MeridianProtocol
import NIOCore
import NodeEnvironment
import Personalization
import SwiftProtobuf

/// meridian.v1.InteractionService and BeaconService.
struct InteractionService: Sendable {
    let writes: EventWrites

    private var edge: ServingEdge { writes.edge }
    private var reading: InteractionReading { InteractionReading(keyring: writes.edge.keys.ring) }

    func report(_ open: OpenCall) {
        guard open.message.readableBytes <= RequestBounds.requestBytes else { return open.refuse(.tooLarge) }
        open.serve(Meridian_V1_ReportRequest.self) { request throws(Refusal) in
            guard request.unknownFields.data.isEmpty else { throw .unknownField(in: "ReportRequest") }
            let user = try FieldReading.user(request.userID)
            guard RequestBounds.eventsPerCall.contains(request.events.count) else {
                throw .outOfBounds("events", "1 to 512")
            }
            let durability = try FieldReading.durability(
                request.durability, isPresent: request.hasDurability, standard: .local,
                otherRegions: edge.identity.otherRegions)
            let session = try edge.sessions.open(
                request.sessionToken, partition: user.partition(of: writes.shards.partitions))
            try append(
                request.events, of: user, durability: durability, open,
                read: { event, index throws(Refusal) in try reading.read(event, at: index, of: user) },
                reply: { results, outcome in
                    var reply = Meridian_V1_ReportReply()
                    reply.results = results
                    reply.sessionToken = writes.token(session, outcome.session, of: user)
                    reply.serverTimeMs = edge.serverTime.milliseconds
                    reply.region = edge.region
                    return reply
                })
        }
    }

    func sendBeacons(_ open: OpenCall) {
        open.serve(Meridian_V1_SendBeaconsRequest.self) { request throws(Refusal) in
            guard request.unknownFields.data.isEmpty else { throw .unknownField(in: "SendBeaconsRequest") }
            let user = try FieldReading.user(request.userID)
            guard RequestBounds.eventsPerCall.contains(request.beacons.count) else {
                throw .outOfBounds("beacons", "1 to 512")
            }
            let durability = try FieldReading.durability(
                request.durability, isPresent: request.hasDurability, standard: .buffered,
                otherRegions: edge.identity.otherRegions)
            try append(
                request.beacons, of: user, durability: durability, open,
                read: { beacon, index throws(Refusal) in try reading.read(beacon, at: index, of: user) },
                reply: { results, _ in
                    var reply = Meridian_V1_SendBeaconsReply()
                    reply.results = results
                    reply.region = edge.region
                    reply.serverTimeMs = edge.serverTime.milliseconds
                    return reply
                })
        }
    }

    /// Judges each item at the door, appends those that pass, and answers with what became of all of them.
    private func append<Item, Reply: Message>(
        _ items: [Item], of user: UserKey, durability: RequestedDurability, _ open: OpenCall,
        read: (Item, Int) throws(Refusal) -> DoorVerdict,
        reply: @escaping @Sendable ([Meridian_V1_EventResult], ReportOutcome) -> Reply
    ) throws(Refusal) {
        var judged = JudgedEvents(capacity: items.count)
        for (index, item) in items.enumerated() { judged.append(try read(item, index)) }
        count(judged)
        let events = judged
        writes.report(
            events.submitted, of: user, durability: durability, deadline: open.call.deadline
        ) { outcome in
            switch outcome {
            case .failure(let error): open.refuse(Refusal(error, now: edge.clock.wallTime()))
            case .success(let outcome):
                open.succeed(reply(events.results(outcome.results, reached: outcome.reached), outcome))
            }
        }
    }

    private func count(_ judged: JudgedEvents) {
        for (_, refusal, _) in judged.refused { edge.metrics.eventRefused(refusal) }
    }
}

extension Refusal {
    /// A request above 1 MiB.
    static var tooLarge: Refusal {
        Refusal(.messageTooLarge, "the request has more than \(RequestBounds.requestBytes) bytes")
    }
}
