// Our side of the comparison over loopback: a bench service over the journal, and real Report calls to a real node.

import ClusterModel
import EventLog
import GRPCFraming
import MeridianClient
import MeridianProtocol
import NIOCore
import NodeEnvironment
import OperatorCommands
import SwiftProtobuf

/// Calls one method with one prepared message after the other.
struct CallAppender: BatchAppender {
    let channel: any CallChannel
    let path: String
    let clock: any NodeClock
    let next: @Sendable () -> ByteBuffer
    let check: @Sendable (ByteBuffer) throws -> Void

    func append() async throws {
        let answer = try await channel.unary(
            path: path, message: next(), metadata: CallMetadata(),
            deadline: clock.bootTime().advanced(by: .seconds(10)))
        try check(answer.message)
    }

    func close() async { await channel.close() }
}

extension CallAppender {
    /// Of the bench service. Workers share the partitions evenly.
    static func log(
        _ channel: any CallChannel, worker: Int, plan: PeerPlan, clock: any NodeClock
    ) -> CallAppender {
        var message = ByteBuffer()
        message.writeInteger(UInt32(worker % plan.partitions), endianness: .little)
        message.writeInteger(UInt32(plan.records), endianness: .little)
        for record in LogBench.records(plan.records, compressible: false) { message.writeBytes(record.encoded) }
        let request = message
        return CallAppender(
            channel: channel, path: LogServerCommand.path, clock: clock, next: { request }, check: { _ in })
    }

    /// Reports of as many events at durability local, of one user after the other, each event with an id of its own.
    static func report(
        _ channel: any CallChannel, worker: Int, plan: PeerPlan, ids: BenchIDs, clock: any NodeClock
    ) -> CallAppender {
        let records = plan.records
        return CallAppender(
            channel: channel, path: "/meridian.v1.InteractionService/Report", clock: clock,
            next: {
                var request = Meridian_V1_ReportRequest()
                let first = ids.next()
                request.userID = "bench-\(worker)-\(first.time & 0x3ff)"
                request.durability.level = .local
                request.events = (0..<records).map { number in
                    var event = Meridian_V1_Interaction()
                    event.id = Meridian_V1_EventID(ids.next())
                    event.kind = .click
                    event.contentID = "content-\(number)"
                    return event
                }
                // A message of ours always encodes; an empty one would be refused by the node and fail the run.
                return (try? request.encodedBuffer()) ?? ByteBuffer()
            },
            check: { answer in
                let reply = try Meridian_V1_ReportReply(serializedBytes: Array(answer.readableBytesView))
                guard reply.results.count == records, reply.results.allSatisfy({ $0.outcome == .applied }) else {
                    throw OperatorFailure(.unreachable, "a report was not applied: \(reply.results.first as Any)")
                }
            })
    }
}

extension EventRecord {
    /// As in a batch, made outside of one: every peer gets the same bytes.
    var encoded: [UInt8] { Self.encode([self], length: encodedLength, behind: 0) }
}
