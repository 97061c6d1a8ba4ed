// The service that the transport's tests call, and the links they call it with.

import ClusterModel
import GRPCFraming
import HostEnvironment
import NIOCore
import NodeEnvironment
import RPCTransport
import Synchronization
import Testing

/// Methods of `/test.Echo`: what each does stands beside its path.
final class EchoService: CallHandler {
    let methods = [
        // Answers with the message, and with the metadata as trailers.
        "/test.Echo/Echo",
        // Fails with the message as its text, percent signs and all.
        "/test.Echo/Fail",
        // Never answers, but keeps the call.
        "/test.Echo/Hang",
        // Echoes from another thread.
        "/test.Echo/Elsewhere",
        // Answers twice, and then with an error.
        "/test.Echo/Twice",
        // Says who calls.
        "/test.Echo/Whoami",
        // Answers with as many bytes as the message says in decimal.
        "/test.Echo/Large",
    ]

    private let kept = Mutex<[UnaryCall]>([])
    private let elsewhere: any DedicatedExecutor

    init(pool: EventLoopPool) { elsewhere = pool.makeDedicatedExecutor(label: "echo") }

    deinit { elsewhere.shutDown() }

    /// Calls of `Hang` that came in.
    var keptCalls: [UnaryCall] { kept.withLock { $0 } }

    func handle(_ call: UnaryCall) {
        switch call.method {
        case 0: call.succeed(call.message, trailers: call.metadata)
        case 1: call.fail(RPCStatus(.failedPrecondition, String(buffer: call.message), details: [1, 2, 255]))
        case 2: kept.withLock { $0.append(call) }
        case 3: elsewhere.execute { call.succeed(call.message) }
        case 4:
            call.succeed(call.message)
            call.succeed(ByteBuffer(string: "second"))
            call.fail(RPCStatus(.internal, "third"))
        case 5: call.succeed(ByteBuffer(string: call.peer.certificateURI ?? "nobody"))
        default:
            let count = Int(String(buffer: call.message)) ?? 0
            call.succeed(ByteBuffer(repeating: 7, count: count))
        }
    }
}

/// A pool with an echo service on a free port of the loopback interface.
struct EchoServer {
    let pool: EventLoopPool
    let links: SocketLinks
    let service: EchoService
    let listener: SocketListener

    /// Runs `body` with a server, and ends everything afterwards.
    static func with(
        host: String = "127.0.0.1", security: LinkSecurity = .plaintext, limits: TransportLimits = TransportLimits(),
        loops: Int = 2, _ body: (EchoServer) async throws -> Void
    ) async throws {
        let pool = EventLoopPool(count: loops)
        let links = SocketLinks(pool: pool, limits: limits)
        let service = EchoService(pool: pool)
        let listener = try await links.listenCounted(
            on: Endpoint(host: host, port: 0), security: security, handler: service)
        let server = EchoServer(pool: pool, links: links, service: service, listener: listener)
        do {
            try await body(server)
        } catch {
            await listener.shutDown(by: HostClock().bootTime())
            try await pool.shutDown()
            throw error
        }
        await listener.shutDown(by: HostClock().bootTime())
        try await pool.shutDown()
    }

    func withChannel(
        security: LinkSecurity = .plaintext, to endpoint: Endpoint? = nil,
        _ body: (any CallChannel) async throws -> Void
    ) async throws {
        let channel = try links.channel(to: endpoint ?? listener.endpoint, security: security)
        do {
            try await body(channel)
        } catch {
            await channel.close()
            throw error
        }
        await channel.close()
    }
}

extension CallChannel {
    /// One call with a generous deadline.
    func call(
        _ method: String, _ message: ByteBuffer, metadata: CallMetadata = CallMetadata(),
        within limit: Duration? = .seconds(20)
    ) async throws(RPCStatus) -> UnaryReply {
        let deadline = limit.map { HostClock().bootTime().advanced(by: $0) }
        return try await unary(path: "/test.Echo/\(method)", message: message, metadata: metadata, deadline: deadline)
    }

    /// Checks what a method says.
    func expect(
        _ answer: String, from method: String, _ text: String, at location: SourceLocation = #_sourceLocation
    ) async throws(RPCStatus) {
        let said = try await call(method, text)
        #expect(said == answer, sourceLocation: location)
    }

    func call(_ method: String, _ text: String) async throws(RPCStatus) -> String {
        String(buffer: try await call(method, ByteBuffer(string: text)).message)
    }
}
