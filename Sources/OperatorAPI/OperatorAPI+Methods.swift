// The methods of OperatorService, as requests and replies.

import ClusterModel
import EventLog
import MergeableState
import MeridianProtocol
import NIOCore
import NodeEnvironment
import Personalization
import ServingAPI
import SwiftProtobuf

extension OperatorAPI {
    /// The encoded reply.
    func serve(_ method: Method, _ call: UnaryCall) async throws(Refusal) -> ByteBuffer {
        switch method {
        case .status:
            _ = try decode(Meridian_V1_StatusRequest.self, call)
            return try encode(await status())
        case .digest: return try encode(await digest(try decode(Meridian_V1_DigestRequest.self, call)))
        case .drain:
            _ = try decode(Meridian_V1_DrainRequest.self, call)
            await control.drain()
            return try encode(drained())
        case .resume:
            _ = try decode(Meridian_V1_ResumeRequest.self, call)
            await control.resume()
            return try encode(resumed())
        case .evacuate: throw .notImplemented(method.path)
        case .logStats:
            _ = try decode(Meridian_V1_LogStatsRequest.self, call)
            return try encode(await logStats())
        }
    }

    private func decode<Request: SwiftProtobuf.Message>(
        _ type: Request.Type, _ call: UnaryCall
    ) throws(Refusal) -> Request {
        do { return try Request(reading: call.message) } catch { throw .malformed }
    }

    private func encode(_ reply: some SwiftProtobuf.Message) throws(Refusal) -> ByteBuffer {
        do { return try reply.encodedBuffer() } catch {
            throw Refusal(.internalFault, "the reply could not be encoded")
        }
    }

    private func status() async -> Meridian_V1_StatusReply {
        let shards = await control.shardReports()
        let facts = control.facts
        var reply = Meridian_V1_StatusReply()
        reply.region = region
        reply.serverTimeMs = serverTime
        reply.deployment = facts.deploymentID
        reply.node = facts.node
        reply.state = Meridian_V1_NodeState(control.state)
        reply.uptimeMs = control.uptime.wholeMilliseconds
        reply.version = facts.version
        reply.partitions = UInt32(clamping: facts.partitions.rawValue)
        reply.users = shards.reduce(0) { $0 + UInt64(clamping: $1.users) }
        reply.indexedIds = shards.reduce(0) { $0 + UInt64(clamping: $1.indexedIDs) }
        reply.unflushedRecords = shards.reduce(0) { $0 + UInt64(clamping: $1.unflushedRecords) }
        reply.regionName = facts.regionName
        return reply
    }

    private func digest(_ request: Meridian_V1_DigestRequest) async throws(Refusal) -> Meridian_V1_DigestReply {
        let count = control.facts.partitions.rawValue
        guard request.partitions.count <= count, request.partitions.allSatisfy({ $0 < count }) else {
            throw Refusal(
                .fieldOutOfBounds, "partitions: 0 to \(count - 1), none twice", metadata: [("field", "partitions")])
        }
        let wanted = Set(request.partitions)
        let shards = await control.shardReports()
        var reply = Meridian_V1_DigestReply()
        reply.region = region
        reply.serverTimeMs = serverTime
        reply.partitions = shards.filter { wanted.isEmpty || wanted.contains($0.partition.rawValue) }
            .sorted { $0.partition < $1.partition }.map(Meridian_V1_PartitionDigest.init)
        return reply
    }

    private func drained() -> Meridian_V1_DrainReply {
        var reply = Meridian_V1_DrainReply()
        reply.region = region
        reply.serverTimeMs = serverTime
        reply.state = Meridian_V1_NodeState(control.state)
        return reply
    }

    private func resumed() -> Meridian_V1_ResumeReply {
        var reply = Meridian_V1_ResumeReply()
        reply.region = region
        reply.serverTimeMs = serverTime
        reply.state = Meridian_V1_NodeState(control.state)
        return reply
    }

    private func logStats() async -> Meridian_V1_LogStatsReply {
        let logs = await control.logSummaries()
        var reply = Meridian_V1_LogStatsReply()
        reply.region = region
        reply.serverTimeMs = serverTime
        reply.logs = logs.sorted { $0.log < $1.log }.map(Meridian_V1_LogStats.init)
        return reply
    }
}

extension Meridian_V1_NodeState {
    fileprivate init(_ state: NodeState) {
        switch state {
        case .starting: self = .starting
        case .active: self = .active
        case .draining: self = .draining
        case .fenced: self = .fenced
        }
    }
}

extension Meridian_V1_PartitionDigest {
    fileprivate init(_ report: ShardReport) {
        self.init()
        partition = report.partition.rawValue
        applyVersion = report.applyVersion
        vector = report.vector.entries.map(Meridian_V1_VectorEntry.init)
        digest = report.digest.description
        users = UInt64(clamping: report.users)
        indexedIds = UInt64(clamping: report.indexedIDs)
        unflushedRecords = UInt64(clamping: report.unflushedRecords)
    }
}

extension Meridian_V1_LogStats {
    fileprivate init(_ log: LogSummary) {
        self.init()
        region = UInt32(log.log.name.region.rawValue)
        topic = UInt32(log.log.name.topic.rawValue)
        partition = log.log.name.partition.rawValue
        incarnation = log.log.incarnation.rawValue
        epoch = log.epoch.rawValue
        baseOffset = log.base.rawValue
        flushedEnd = log.flushedEnd.rawValue
        endDigest = log.endDigest.description
        lastStampMs = log.lastStamp.wallTime.milliseconds
    }
}
