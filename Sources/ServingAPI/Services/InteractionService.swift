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
    private var reading: InteractionReading { InteractionReading(keyring: writes.edge.keyring) }

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
            var judged = JudgedEvents(capacity: request.events.count)
            for (index, event) in request.events.enumerated() {
                judged.append(try reading.read(event, at: index, of: user))
            }
            count(judged)
            let events = judged
            writes.report(events.submitted, of: user, durability: durability) { outcome in
                let now = edge.clock.wallTime()
                switch outcome {
                case .failure(let error): open.refuse(Refusal(error, now: now))
                case .success(let outcome):
                    var reply = Meridian_V1_ReportReply()
                    reply.results = events.results(outcome.results, durability: durability)
                    reply.sessionToken = writes.token(session, outcome.session, of: user)
                    reply.serverTimeMs = now.milliseconds
                    reply.region = edge.region
                    open.succeed(reply)
                }
            }
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
            var judged = JudgedEvents(capacity: request.beacons.count)
            for (index, beacon) in request.beacons.enumerated() {
                judged.append(try reading.read(beacon, at: index, of: user))
            }
            count(judged)
            let events = judged
            writes.report(events.submitted, of: user, durability: durability) { outcome in
                let now = edge.clock.wallTime()
                switch outcome {
                case .failure(let error): open.refuse(Refusal(error, now: now))
                case .success(let outcome):
                    var reply = Meridian_V1_SendBeaconsReply()
                    reply.results = events.results(outcome.results, durability: durability)
                    reply.region = edge.region
                    reply.serverTimeMs = now.milliseconds
                    open.succeed(reply)
                }
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
