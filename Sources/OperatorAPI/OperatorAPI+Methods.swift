// The methods of OperatorService, as requests and replies.

import ClusterModel
import EventLog
import MeridianProtocol
import NIOCore
import NodeEnvironment
import ServingAPI
import SwiftProtobuf

extension OperatorAPI {
    /// The encoded reply.
    func serve(_ method: Method, _ call: UnaryCall) async throws(Refusal) -> ByteBuffer {
        switch method {
        case .status:
            return try encode(await status(try decode(Meridian_V1_StatusRequest.self, call)))
        case .digest:
            return try encode(
                await digest(try decode(Meridian_V1_DigestRequest.self, call), by: peerDeadline(asked: call.deadline)))
        case .drain:
            _ = try decode(Meridian_V1_DrainRequest.self, call)
            await control.drain()
            return try encode(drained())
        case .resume:
            let request = try decode(Meridian_V1_ResumeRequest.self, call)
            if request.trustClock { await control.trustClock() }
            await control.resume()
            return try encode(resumed())
        case .evacuate:
            return try encode(
                try await evacuate(
                    try decode(Meridian_V1_EvacuateRequest.self, call), by: call.peer,
                    asking: peerDeadline(asked: call.deadline)))
        case .logStats:
            _ = try decode(Meridian_V1_LogStatsRequest.self, call)
            return try encode(await logStats())
        }
    }

    /// When a region that has not answered is named as the one: early enough that the caller still hears of it.
    func peerDeadline(asked deadline: BootInstant?) -> BootInstant {
        let now = clock.bootTime()
        let left = deadline.map { $0.since(now) } ?? Self.peerTime
        return now.advanced(by: max(.zero, min(left, Self.peerTime)) * 3 / 4)
    }

    /// What other regions are given, where their asker says nothing of time.
    private static let peerTime: Duration = .seconds(6)

    /// What waits for other regions keeps nobody waiting who asks this node alone.
    func lane(of method: Method, _ call: UnaryCall) -> OperatorQueue.Lane {
        switch method {
        case .evacuate: .evacuation
        case .digest:
            // What cannot be read is refused at its turn.
            (try? Meridian_V1_DigestRequest(reading: call.message))?.allRegions == true ? .regions : .own
        default: .own
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
