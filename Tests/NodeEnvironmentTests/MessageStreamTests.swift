// Streaming calls through the seam, on simulated machines: what handlers and callers see, whatever the transport.

import ClusterModel
import GRPCFraming
import NIOCore
import NodeEnvironment
import SimulatedEnvironment
import Synchronization
import Testing

/// Echoes, produces, hangs.
private final class Streams: CallHandler {
    let methods: [String] = []
    let streamingMethods = ["/test.Streams/Echo", "/test.Streams/Produce", "/test.Streams/Hang", "/test.Streams/Fail"]
    let tasks: StreamTasks
    let produced = Atomic<Int>(0)
    let cancelled = Atomic<Int>(0)
    private let clock: any NodeClock

    init(clock: any NodeClock, limit: Int = 100, callerLimit: Int? = nil) {
        self.clock = clock
        tasks = StreamTasks(limit: limit, callerLimit: callerLimit)
    }

    func handle(_ call: UnaryCall) {}

    func handle(_ call: StreamCall) {
        #expect(call.executor.isCurrent)
        switch call.method {
        case 0: tasks.start(call, Self.echo)
        case 1: tasks.start(call, produce)
        case 2: tasks.start(call, hang)
        default:
            tasks.start(call) { call in
                try await call.send(ByteBuffer(string: "before"))
                throw RPCStatus(.aborted, "no more")
            }
        }
    }

    private static func echo(_ call: StreamCall) async throws {
        call.sendHead(call.metadata)
        for try await message in call.messages { try await call.send(message, isCompressed: true) }
        var trailers = CallMetadata()
        trailers.append("end", "yes")
        call.succeed(trailers: trailers)
    }

    private func produce(_ call: StreamCall) async throws {
        for _ in 0..<2_000 {
            try await call.send(ByteBuffer(repeating: 1, count: 1_000))
            produced.wrappingAdd(1, ordering: .relaxed)
        }
    }

    private func hang(_ call: StreamCall) async throws {
        defer { cancelled.wrappingAdd(1, ordering: .relaxed) }
        try await clock.sleep(for: .seconds(1_000))
    }
}

@Suite struct MessageStreamTests {
    private static let place = Endpoint(host: "127.0.0.1", port: 9_000)

    private static func serve(
        _ simulation: Simulation, limit: Int = 100, callerLimit: Int? = nil
    ) async throws -> Streams {
        let server = simulation.machine("server")
        let streams = Streams(clock: server.environment.clock, limit: limit, callerLimit: callerLimit)
        _ = try await server.environment.links.listen(on: place, security: .plaintext, handler: streams)
        server.start { _ in await streams.tasks.run() }
        return streams
    }

    private static func open(
        _ simulation: Simulation, _ method: String, metadata: CallMetadata = CallMetadata(),
        within limit: Duration? = nil, from machine: String = "client"
    ) throws -> ClientStream {
        let environment = simulation.machine(machine).environment
        return try environment.links.channel(to: place, security: .plaintext).stream(
            path: "/test.Streams/\(method)", metadata: metadata,
            deadline: limit.map { environment.clock.bootTime().advanced(by: $0) }, encoding: .gzip)
    }

    private static func code(of body: () async throws -> Void) async -> RPCStatusCode {
        do {
            try await body()
            return .ok
        } catch {
            return (error as? RPCStatus)?.code ?? .unknown
        }
    }

    @Test(arguments: 1...5 as ClosedRange<UInt64>)
    func messagesHeadsAndTrailersPass(seed: UInt64) throws {
        let simulation = Simulation(seed: seed)
        try simulation.drive {
            let streams = try await Self.serve(simulation)
            var metadata = CallMetadata()
            metadata.append("x-name", "value")
            let stream = try Self.open(simulation, "Echo", metadata: metadata)
            #expect(try await stream.head() == metadata)
            for size in [0, 1, 5_000, 300_000] {
                let message = ByteBuffer(repeating: 7, count: size)
                try await stream.send(message, isCompressed: size > 100)
                #expect(try await stream.next() == message, "seed \(seed)")
                #expect(stream.wasCompressed == (size > 100), "seed \(seed)")
            }
            stream.finishSending()
            #expect(try await stream.next() == nil)
            #expect(stream.trailers.first("end") == "yes", "seed \(seed)")
            streams.tasks.shutDown()
        }
    }

    /// B16: one caller's part is its own to fill; what it gives up is its own again.
    @Test func oneCallersStreamsLeaveRoomForAnothers() throws {
        let simulation = Simulation(seed: 16)
        try simulation.drive {
            let streams = try await Self.serve(simulation, limit: 8, callerLimit: 3)
            let clock = simulation.machine("client").environment.clock
            func open(_ machine: String) async throws -> (stream: ClientStream, code: RPCStatusCode) {
                let stream = try Self.open(simulation, "Hang", within: .milliseconds(500), from: machine)
                return (stream, await Self.code { _ = try await stream.next() })
            }
            // A stream that is refused ends at once, one that runs at its deadline.
            let codes: [RPCStatusCode: Int] = try await withThrowingTaskGroup(of: RPCStatusCode.self) { group in
                for _ in 0..<20 { group.addTask { try await open("client").code } }
                group.addTask { try await open("other").code }
                return try await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
            }
            #expect(codes == [.deadlineExceeded: 4, .resourceExhausted: 17])
            try await clock.sleep(for: .seconds(1))
            #expect(try await open("client").code == .deadlineExceeded)
            streams.tasks.shutDown()
        }
    }

    @Test func aReaderWhoDoesNotReadStopsItsSender() throws {
        let simulation = Simulation(seed: 6)
        try simulation.drive {
            let streams = try await Self.serve(simulation)
            let stream = try Self.open(simulation, "Produce")
            let clock = simulation.machine("client").environment.clock
            try await clock.sleep(for: .seconds(10))
            let held = streams.produced.load(ordering: .relaxed)
            #expect((60...85).contains(held), "\(held) messages of 1,005 bytes under way")
            var count = 0
            while try await stream.next() != nil { count += 1 }
            #expect(count == 2_000)
        }
    }

    @Test func failuresDeadlinesAndCancellationsReachBothSides() throws {
        let simulation = Simulation(seed: 7)
        try simulation.drive {
            let streams = try await Self.serve(simulation)
            let clock = simulation.machine("client").environment.clock
            let failed = try Self.open(simulation, "Fail")
            #expect(try await failed.next() == ByteBuffer(string: "before"))
            #expect(await Self.code { _ = try await failed.next() } == .aborted)
            let unknown = try Self.open(simulation, "Nothing")
            #expect(await Self.code { _ = try await unknown.next() } == .unimplemented)
            let late = try Self.open(simulation, "Hang", within: .seconds(1))
            #expect(await Self.code { _ = try await late.next() } == .deadlineExceeded)
            #expect(await Self.code { try await late.send(ByteBuffer()) } == .deadlineExceeded)
            try await clock.sleep(for: .seconds(1))
            #expect(streams.cancelled.load(ordering: .relaxed) == 1)
            let dropped = try Self.open(simulation, "Hang")
            try await clock.sleep(for: .seconds(1))
            dropped.cancel()
            #expect(await Self.code { _ = try await dropped.next() } == .cancelled)
            try await clock.sleep(for: .seconds(1))
            #expect(streams.cancelled.load(ordering: .relaxed) == 2)
        }
    }

    @Test func aCrashEndsTheStreamsOfItsMachine() throws {
        let simulation = Simulation(seed: 8)
        try simulation.drive {
            _ = try await Self.serve(simulation)
            let stream = try Self.open(simulation, "Hang")
            try await simulation.machine("client").environment.clock.sleep(for: .seconds(1))
            simulation.machine("server").crash()
            #expect(await Self.code { _ = try await stream.next() } == .unavailable)
        }
    }

    @Test func aSecondReaderIsRefused() throws {
        let simulation = Simulation(seed: 9)
        try simulation.drive {
            _ = try await Self.serve(simulation)
            let stream = try Self.open(simulation, "Hang")
            await withTaskGroup(of: RPCStatusCode.self) { group in
                for _ in 0..<2 { group.addTask { await Self.code { _ = try await stream.next() } } }
                #expect(await group.next() == .internal)
                stream.cancel()
                #expect(await group.next() == .cancelled)
            }
        }
    }

    @Test func callsBeyondTheLimitAreRefused() throws {
        let simulation = Simulation(seed: 10)
        try simulation.drive {
            let streams = try await Self.serve(simulation, limit: 1)
            let clock = simulation.machine("client").environment.clock
            var open: [ClientStream] = []
            // One runs, one is out of the queue and waits for its place, one is queued.
            for _ in 0..<3 {
                open.append(try Self.open(simulation, "Hang"))
                try await clock.sleep(for: .seconds(1))
            }
            let refused = try Self.open(simulation, "Hang")
            #expect(await Self.code { _ = try await refused.next() } == .resourceExhausted)
            for stream in open.reversed() {
                stream.cancel()
                try await clock.sleep(for: .seconds(1))
            }
            #expect(streams.cancelled.load(ordering: .relaxed) == 1)
        }
    }

    @Test func aSeedReplaysItsStreams() throws {
        func hash(_ seed: UInt64) throws -> UInt64 {
            let simulation = Simulation(seed: seed)
            var faults = NetworkFaults()
            faults.lostCallsPerThousand = 5
            faults.delayedMessagesPerThousand = 50
            simulation.network.setFaults(faults)
            try simulation.drive {
                _ = try await Self.serve(simulation)
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<20 {
                        group.addTask {
                            // Lost connections are part of the trace.
                            _ = await Self.code {
                                let stream = try Self.open(simulation, "Produce")
                                while try await stream.next() != nil {}
                            }
                        }
                    }
                }
            }
            return simulation.traceHash
        }
        for seed in 20...22 as ClosedRange<UInt64> {
            let first = try hash(seed)
            let second = try hash(seed)
            #expect(first == second, "seed \(seed)")
        }
    }
}
