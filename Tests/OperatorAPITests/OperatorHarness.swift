// Calls OperatorService as a transport would, without one.

import ClusterModel
import GRPCFraming
import MeridianProtocol
import NIOCore
import NodeEnvironment
import ServingAPI
import SimulatedEnvironment
import SwiftProtobuf
import Testing

@testable import OperatorAPI

final class OneAnswer: CallResponder {
    private let answers = AsyncStream.makeStream(of: Result<ByteBuffer, RPCStatus>.self)

    func succeed(_ token: CallToken, _ message: ByteBuffer, _ trailers: CallMetadata) {
        answers.continuation.yield(.success(message))
    }

    func fail(_ token: CallToken, _ status: RPCStatus) { answers.continuation.yield(.failure(status)) }
    func isLive(_ token: CallToken) -> Bool { true }

    func value() async throws -> ByteBuffer {
        for await answer in answers.stream { return try answer.get() }
        throw CancellationError()
    }
}

/// One fake node and what is served for it.
struct OperatorHarness {
    let node = FakeNode()
    let queue = OperatorQueue()
    let stepped = SteppedEnvironment(seed: 1)
    var environment: NodeEnvironment { stepped.environment }

    func api(queue: OperatorQueue? = nil) -> OperatorAPI {
        let registry = MetricsRegistry()
        return OperatorAPI(
            control: node, queue: queue ?? self.queue, clock: environment.clock,
            refusals: ServingMetrics(factory: registry),
            metrics: registry)
    }

    func call(
        _ api: OperatorAPI, _ method: OperatorAPI.Method, _ message: ByteBuffer = ByteBuffer(),
        certificate: String? = nil, deadline: BootInstant? = nil
    ) throws -> OneAnswer {
        let responder = OneAnswer()
        api.handle(
            UnaryCall(
                method: try #require(OperatorAPI.Method.allCases.firstIndex(of: method)), message: message,
                metadata: CallMetadata(), deadline: deadline,
                peer: PeerIdentity(certificateURI: certificate, address: "test"),
                executor: environment.executors.loops[0], responder: responder,
                token: CallToken(stream: 1, generation: 0)))
        return responder
    }

    /// The reply of a call while the queue is served.
    func reply<Reply: SwiftProtobuf.Message & Sendable>(
        _ method: OperatorAPI.Method, _ request: some SwiftProtobuf.Message, _ type: Reply.Type
    ) async throws -> Reply {
        let queue = OperatorQueue()
        let answer = try call(api(queue: queue), method, try request.encodedBuffer())
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await queue.run() }
            defer { group.cancelAll() }
            return try Reply(reading: try await answer.value())
        }
    }

    func reason(_ answer: OneAnswer) async -> String? {
        do {
            _ = try await answer.value()
            return nil
        } catch let status as RPCStatus {
            return Self.reason(of: status)
        } catch {
            return "\(error)"
        }
    }

    /// The stable word of a refusal.
    static func reason(of status: RPCStatus) -> String? {
        let info = try? Google_Rpc_Status(serializedBytes: status.details).details.first.map {
            try Google_Rpc_ErrorInfo(unpackingAny: $0)
        }
        return info?.reason
    }
}
