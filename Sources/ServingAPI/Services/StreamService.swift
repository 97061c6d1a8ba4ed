// Effects for consumers: a stream a subscriber, and the durable cursors of groups (S13).

import ClusterModel
import EventLog
import GRPCFraming
import MeridianProtocol
import NIOCore
import NodeEnvironment
import Personalization
import SwiftProtobuf
import Synchronization

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
    let subscribers = Atomic<Int>(0)

    init(edge: ServingEdge, door: EffectDoor, metrics: StreamMetrics) {
        self.edge = edge
        self.door = door
        self.metrics = metrics
        tokens = StreamTokens(keyring: edge.keyring, deploymentID: edge.identity.deploymentID)
    }

    func commit(_ open: OpenCall) {
        open.serve(Meridian_V1_CommitRequest.self) { request throws(Refusal) in
            guard request.unknownFields.data.isEmpty else { throw .unknownField(in: "CommitRequest") }
            let group = try Self.group(request.group, request.topic)
            guard !request.cursor.isEmpty else { throw .outOfBounds("cursor", "from a reply of Subscribe") }
            let cursor = try self.cursor(request.cursor, "cursor")
            door.groups.commit(cursor, of: group, at: edge.clock.wallTime()) { [self] outcome in
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
                let lags = lags()
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
            door.groups.forget(try Self.group(request.group, request.topic)) { [self] outcome in
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
            door, subscribers: subscribers.load(ordering: .relaxed), lags: lags().map { ($0.0.group, $0.1) })
    }

    private func lags() -> [(StreamGroups.Standing, StreamLag)] {
        let (logs, now) = (door.source.log.logs(), edge.clock.wallTime())
        return door.groups.standings.map { standing in
            let cursor = standing.committed?.cursor ?? StreamCursor()
            return (standing, StreamLag(of: cursor, logs, in: door.source.log, at: now))
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
