// Effects for consumers: a stream a subscriber, and the durable cursors of groups (S13).

import ClusterModel
import EventLog
import GRPCFraming
import MeridianProtocol
import NIOCore
import NodeEnvironment
import Personalization
import SwiftProtobuf

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// meridian.v1.StreamService. Subscribe is in the file beside this one.
final class StreamService: Sendable {
    static let subscribePath = "/meridian.v1.StreamService/Subscribe"

    let edge: ServingEdge
    let door: EffectDoor
    let tokens: StreamTokens
    let metrics: StreamMetrics
    /// Calls of Subscribe that were let in.
    let places: SubscriberPlaces

    init(edge: ServingEdge, door: EffectDoor, metrics: StreamMetrics) {
        self.edge = edge
        self.door = door
        self.metrics = metrics
        places = SubscriberPlaces(limit: door.maxSubscribers, clientPercent: door.clientPercent)
        tokens = StreamTokens(keys: edge.keys, deploymentID: edge.identity.deploymentID)
    }

    func commit(_ open: OpenCall) {
        open.serve(Meridian_V1_CommitRequest.self) { request throws(Refusal) in
            guard request.unknownFields.data.isEmpty else { throw .unknownField(in: "CommitRequest") }
            let group = try Self.group(request.group, request.topic)
            guard !request.cursor.isEmpty else { throw .outOfBounds("cursor", "from a reply of Subscribe") }
            try check(group, open.call.peer, ServingMethod.commitCursor.path)
            let cursor = try self.cursor(request.cursor, "cursor")
            let share = share(of: open.call.peer)
            door.groups.commit(cursor, of: group, at: edge.clock.wallTime(), share: share) { [self] outcome in
                switch outcome {
                case .failure(let error): open.refuse(Refusal(error))
                case .success:
                    var reply = Meridian_V1_CommitReply()
                    reply.region = edge.region
                    reply.serverTimeMs = edge.serverTime.milliseconds
                    open.succeed(reply)
                }
            }
        }
    }

    /// Reading how old what is missing is takes the disk.
    func groups(_ open: OpenCall) {
        open.serve(Meridian_V1_GroupsRequest.self) { _ throws(Refusal) in
            door.source.onDisk { [self] in
                var reply = Meridian_V1_GroupsReply()
                let lags = lags().filter { isVisible($0.0.group, to: open.call.peer) }
                reply.groups = lags.map { standing, lag in
                    var status = Meridian_V1_GroupStatus()
                    status.group = standing.group.name
                    status.topic = standing.group.topic.rawValue
                    status.committedMs = standing.committed?.committedAt.milliseconds ?? 0
                    status.lagEvents = lag.records
                    status.lagMs = UInt64(max(0, lag.age.signedMilliseconds))
                    status.partitions = UInt32(clamping: standing.committed?.cursor.positions.count ?? 0)
                    status.subscribers = UInt32(clamping: standing.subscribers)
                    status.damaged = standing.isDamaged
                    return status
                }
                reply.region = edge.region
                reply.serverTimeMs = edge.serverTime.milliseconds
                open.succeed(reply)
            }
        }
    }

    func forget(_ open: OpenCall) {
        open.serve(Meridian_V1_ForgetGroupRequest.self) { request throws(Refusal) in
            guard request.unknownFields.data.isEmpty else { throw .unknownField(in: "ForgetGroupRequest") }
            let group = try Self.group(request.group, request.topic)
            try check(group, open.call.peer, ServingMethod.forgetGroup.path)
            door.groups.forget(group) { [self] outcome in
                switch outcome {
                case .failure(let error): open.refuse(Refusal(error))
                case .success:
                    var reply = Meridian_V1_ForgetGroupReply()
                    reply.region = edge.region
                    reply.serverTimeMs = edge.serverTime.milliseconds
                    open.succeed(reply)
                }
            }
        }
    }

    /// Blocks on the disk.
    func collect() {
        metrics.collect(
            door, subscribers: places.taken, lags: lags().map { ($0.0.group, $0.1) })
    }

    private func lags() -> [(StreamGroups.Standing, StreamLag)] {
        let (logs, now) = (door.source.log.logs(), edge.clock.wallTime())
        return door.groups.standings.map { standing in
            let cursor = standing.committed?.cursor ?? StreamCursor()
            return (standing, StreamLag(of: cursor, logs, in: door.source.log, at: now))
        }
    }

    // MARK: Who may be which consumer

    /// Throws what the caller is told that may not be this consumer.
    func check(_ group: StreamGroup, _ peer: PeerIdentity, _ method: String) throws(Refusal) {
        if let refusal = edge.access.refusal(of: peer, method, group) { throw refusal }
    }

    private func isVisible(_ group: StreamGroup, to peer: PeerIdentity) -> Bool {
        let grants = edge.access.grants(of: peer)
        return grants.oversees(AccessTable.need(of: ServingMethod.listGroups.path) ?? .peerNode) || grants.admits(group)
    }

    /// The groups that a caller may make are its own to pay for; nil where everybody may do everything.
    func share(of peer: PeerIdentity) -> GroupShare? {
        if edge.access.isOpen { return nil }
        let grants = edge.access.grants(of: peer)
        return GroupShare(limit: CallerShares.part(door.clientPercent, of: StreamGroups.maxGroups)) {
            grants.admits($0)
        }
    }

    // MARK: Requests

    static func group(_ name: String, _ topic: String) throws(Refusal) -> StreamGroup {
        guard let topic = topic.isEmpty ? .userEvents : EffectTopic(rawValue: topic) else {
            let known = EffectTopic.allCases.map(\.rawValue).joined(separator: ", ")
            throw .outOfBounds("topic", "one of \(known)")
        }
        guard let group = StreamGroup(name: name, topic: topic) else {
            throw .outOfBounds("group", "1 to 64 letters, digits, \".\", \"_\" or \"-\"")
        }
        return group
    }

    func cursor(_ bytes: Data, _ field: String) throws(Refusal) -> StreamCursor {
        guard bytes.count <= RequestBounds.cursorBytes else {
            throw .outOfBounds(field, "at most \(RequestBounds.cursorBytes) bytes")
        }
        do throws(TokenError) {
            return try tokens.open(bytes, partitions: door.source.shards.partitions)
        } catch {
            throw Refusal(cursor: error, field: field)
        }
    }
}
