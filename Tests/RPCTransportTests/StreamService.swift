// The streaming service that the transport's tests call.

import ClusterModel
import GRPCFraming
import HostEnvironment
import NIOCore
import NodeEnvironment
import RPCTransport
import Synchronization
import Testing

/// Methods of `/test.Streams`: what each does stands beside its path.
final class StreamService: CallHandler {
    let methods: [String] = ["/test.Streams/Unary"]
    let streamingMethods = [
        // Sends each message back as it comes; the head says the metadata, the trailers the count.
        "/test.Streams/Echo",
        // Answers with the number of messages and of bytes.
        "/test.Streams/Count",
        // Sends as many messages of as many bytes as the one message says: "count size".
        "/test.Streams/Produce",
        // Answers at once, and reads nothing.
        "/test.Streams/Early",
        // Takes one message, sends it back, and then fails with NOT_FOUND.
        "/test.Streams/Fail",
        // Reads and sends nothing until its task is cancelled.
        "/test.Streams/Hang",
        // Reads nothing until the test opens the gate; then answers with the number of messages.
        "/test.Streams/Slow",
    ]

    let tasks = StreamTasks(limit: 1_024)
    /// How many handlers of `Hang` were cancelled.
    let cancelled = Atomic<Int>(0)
    let hanging = Atomic<Int>(0)
    /// What `Slow` waits for.
    let gate = Gate()
    let produced = Atomic<Int>(0)

    func handle(_ call: UnaryCall) { call.succeed(call.message) }

    func handle(_ call: StreamCall) {
        let body: StreamTasks.Body =
            switch call.method {
            case 0: Self.echo
            case 1: Self.count
            case 2: produce
            case 3: Self.early
            case 4: Self.fail
            case 5: hang
            default: slow
            }
        tasks.start(call, body)
    }

    private static func echo(_ call: StreamCall) async throws {
        if !call.metadata.isEmpty { call.sendHead(call.metadata) }
        var count = 0
        for try await message in call.messages {
            try await call.send(message, isCompressed: call.metadata.first("compress") == "yes")
            count += 1
        }
        var trailers = CallMetadata()
        trailers.append("count", "\(count)")
        call.succeed(trailers: trailers)
    }

    private static func count(_ call: StreamCall) async throws {
        var count = 0
        var bytes = 0
        while let message = try await call.next() {
            count += 1
            bytes += message.readableBytes
        }
        try await call.send(ByteBuffer(string: "\(count) \(bytes)"))
    }

    private func produce(_ call: StreamCall) async throws {
        let words = try await call.next().map { String(buffer: $0) }?.split(separator: " ").compactMap { Int($0) } ?? []
        guard words.count == 2 else { throw RPCStatus(.invalidArgument, "two numbers") }
        let message = ByteBuffer(repeating: 5, count: words[1])
        for _ in 0..<words[0] {
            try await call.send(message)
            produced.wrappingAdd(1, ordering: .relaxed)
        }
    }

    private static func early(_ call: StreamCall) async throws {
        try await call.send(ByteBuffer(string: "early"))
    }

    private static func fail(_ call: StreamCall) async throws {
        if let message = try await call.next() { try await call.send(message) }
        throw RPCStatus(.notFound, "nothing here", details: [9])
    }

    private func hang(_ call: StreamCall) async throws {
        hanging.wrappingAdd(1, ordering: .relaxed)
        defer { cancelled.wrappingAdd(1, ordering: .relaxed) }
        try await HostClock().sleep(for: .seconds(100))
    }

    private func slow(_ call: StreamCall) async throws {
        await gate.pass()
        try await Self.count(call)
    }
}

/// Holds one task up until it is opened.
final class Gate: Sendable {
    private let (stream, opener) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))

    func pass() async { for await _ in stream { return } }

    func open() { opener.finish() }
}

/// A pool with a stream service on a free port of the loopback interface.
struct StreamServer {
    let pool: EventLoopPool
    let links: SocketLinks
    let service: StreamService
    let listener: SocketListener

    static func with(
        security: LinkSecurity = .plaintext, limits: TransportLimits = TransportLimits(), loops: Int = 2,
        _ body: (StreamServer, any CallChannel) async throws -> Void
    ) async throws {
        let pool = EventLoopPool(count: loops)
        let links = SocketLinks(pool: pool, limits: limits)
        let service = StreamService()
        let listener = try await links.listenCounted(
            on: Endpoint(host: "127.0.0.1", port: 0), security: security, handler: service)
        let server = StreamServer(pool: pool, links: links, service: service, listener: listener)
        let channel = try links.channel(to: listener.endpoint, security: security.asClient)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await service.tasks.run() }
            do {
                try await body(server, channel)
            } catch {
                await server.end(channel)
                throw error
            }
            await server.end(channel)
            try await group.waitForAll()
        }
        try await pool.shutDown()
    }

    private func end(_ channel: any CallChannel) async {
        await channel.close()
        await listener.shutDown(by: HostClock().bootTime())
        service.tasks.shutDown()
    }
}

extension LinkSecurity {
    fileprivate var asClient: LinkSecurity { self }
}

extension CallChannel {
    func open(
        _ method: String, metadata: CallMetadata = CallMetadata(), within limit: Duration? = .seconds(60),
        encoding: MessageEncoding = .identity
    ) throws(RPCStatus) -> ClientStream {
        let deadline = limit.map { HostClock().bootTime().advanced(by: $0) }
        return try stream(path: "/test.Streams/\(method)", metadata: metadata, deadline: deadline, encoding: encoding)
    }
}

extension ClientStream {
    /// Reads to the end.
    func rest() async throws(RPCStatus) -> [String] {
        var texts: [String] = []
        while let message = try await next() { texts.append(String(buffer: message)) }
        return texts
    }
}
