// A server that answers from a script: each call takes the next answer, whatever endpoint it comes to.

import ClusterModel
import Foundation
import GRPCFraming
import MeridianProtocol
import NIOCore
import NodeEnvironment
import SimulatedEnvironment
import SwiftProtobuf
import Synchronization

@testable import MeridianClient

/// Remembers calls and answers them in order; a script that has run out answers the last thing again.
final class ScriptedLinks: Links {
    enum Answer: Sendable {
        case reply(any SwiftProtobuf.Message)
        case failure(RPCStatus)
    }

    struct Call: Sendable {
        var endpoint: Endpoint
        var path: String
        var message: ByteBuffer
        var metadata: CallMetadata
        var deadline: BootInstant?
    }

    private let state: Mutex<(answers: [Answer], calls: [Call])>
    private let clock: SteppedClock
    /// How long each call takes.
    private let trip: Duration

    init(_ answers: [Answer], clock: SteppedClock, trip: Duration = .milliseconds(2)) {
        state = Mutex((answers, []))
        self.clock = clock
        self.trip = trip
    }

    var calls: [Call] { state.withLock(\.calls) }

    func listen(
        on endpoint: Endpoint, security: LinkSecurity, handler: any CallHandler
    ) async throws(LinkError) -> any Listener {
        throw LinkError(.badAddress, "scripted links do not listen")
    }

    func servePages(on endpoint: Endpoint, handler: any PageHandler) async throws(LinkError) -> any Listener {
        throw LinkError(.badAddress, "scripted links do not listen")
    }

    func channel(to endpoint: Endpoint, security: LinkSecurity) throws(LinkError) -> any CallChannel {
        ScriptedChannel(endpoint: endpoint, links: self)
    }

    func answer(_ call: Call) throws(RPCStatus) -> ByteBuffer {
        clock.advance(by: trip)
        let answer = state.withLock { state in
            state.calls.append(call)
            return state.answers.count > 1 ? state.answers.removeFirst() : state.answers[0]
        }
        switch answer {
        case .failure(let status): throw status
        case .reply(let message):
            do { return try message.encodedBuffer() } catch { throw RPCStatus(.internal, "\(error)") }
        }
    }
}

private struct ScriptedChannel: CallChannel {
    let endpoint: Endpoint
    let links: ScriptedLinks

    func unary(
        path: String, message: ByteBuffer, metadata: CallMetadata, deadline: BootInstant?
    ) async throws(RPCStatus) -> UnaryReply {
        UnaryReply(
            message: try links.answer(
                ScriptedLinks.Call(
                    endpoint: endpoint, path: path, message: message, metadata: metadata, deadline: deadline)))
    }

    func close() async {}
}

/// A client, its script and its clock.
struct ScriptedClient {
    let client: MeridianClient
    let links: ScriptedLinks
    let stepped: SteppedEnvironment

    init(
        _ answers: [ScriptedLinks.Answer], endpoints: Int = 1, seed: UInt64 = 1,
        configuration: MeridianClient.Configuration = MeridianClient.Configuration()
    ) throws {
        stepped = SteppedEnvironment(seed: seed)
        links = ScriptedLinks(answers, clock: stepped.clock)
        let base = stepped.environment
        let environment = NodeEnvironment(
            clock: base.clock, entropy: base.entropy, executors: base.executors, files: base.files, links: links)
        let addresses = (0..<endpoints).map { Endpoint(host: "127.0.0.1", port: 7_000 + $0) }
        guard let region = RegionEndpoints(addresses, security: .plaintext) else { throw LinkError(.badAddress, "") }
        client = try MeridianClient(region: region, environment: environment, configuration: configuration)
    }

    /// The requests as the server saw them.
    func requests<Request: SwiftProtobuf.Message>(_ type: Request.Type) throws -> [Request] {
        try links.calls.map { try Request(reading: $0.message) }
    }
}

extension RPCStatus {
    /// A status as the serving API sends it.
    static func server(
        _ code: RPCStatusCode, _ reason: String, retryAfter: Duration? = nil,
        metadata: [(key: String, value: String)] = []
    ) -> RPCStatus {
        RPCStatus(
            code, "said the server",
            details: ErrorEnvelope.encode(
                code: Int32(code.rawValue), message: "said the server", reason: reason, metadata: metadata,
                retryAfter: retryAfter))
    }
}
