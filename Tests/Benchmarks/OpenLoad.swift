// Calls at a rate, whatever becomes of them: nobody waits for an answer before the next call goes out.

import ClusterModel
import NIOCore
import NIOPosix
import NodeEnvironment
import OperatorCommands

/// An open loop over many connections, on one thread and without a task a call, so that it can be many times faster than
/// the node it tries.
struct OpenLoad: Sendable {
    /// Names of classes, and their parts of a hundred calls.
    static let classes = [("unlock", 50), ("write", 20), ("prefetch", 30)]

    var connections: Int
    /// Calls a second.
    var rate: Double
    var duration: Duration
    var deadline: Duration
    /// Each connection is a client that holds back what would be refused, as `MeridianClient` does.
    var isThrottled = false

    /// `request(class, number)` gives the next request of a class; path and metadata are the same for all of a class.
    func run(
        to endpoint: Endpoint, clock: any NodeClock, request: @escaping @Sendable (Int, UInt64) -> PreparedRequest
    ) async throws -> OpenOutcome {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let loop = group.any()
            let outcome = try await loop.flatSubmit {
                let pacer = OpenPacer(load: self, clock: clock, loop: loop, request: request)
                return pacer.run(to: endpoint)
            }.get()
            try await group.shutdownGracefully()
            return outcome
        } catch {
            // The run's failure is the one to report.
            try? await group.shutdownGracefully()
            throw error
        }
    }

    /// The class of the n-th call: its part of any hundred, evenly.
    static func place(_ number: UInt64) -> Int {
        var draw = Int((number &* 37) % 100)
        for (place, part) in classes.map(\.1).enumerated() {
            if draw < part { return place }
            draw -= part
        }
        return 0
    }
}

/// Sends what is due every few milliseconds. On its loop only.
final class OpenPacer {
    /// Long enough that a write carries several calls: the generator must not be what is measured.
    private static let tick = TimeAmount.milliseconds(4)
    /// Calls between two looks at the sockets.
    private static let maxCallsATick = 2_000

    let load: OpenLoad
    let clock: any NodeClock
    var outcome = OpenOutcome()
    private let loop: any EventLoop
    private let request: @Sendable (Int, UInt64) -> PreparedRequest
    private var connections: [OpenConnection] = []
    private var channels: [any Channel] = []
    private var number: UInt64 = 0
    private var startedAt: BootInstant
    private let done: EventLoopPromise<OpenOutcome>

    init(
        load: OpenLoad, clock: any NodeClock, loop: any EventLoop,
        request: @escaping @Sendable (Int, UInt64) -> PreparedRequest
    ) {
        self.load = load
        self.clock = clock
        self.loop = loop
        self.request = request
        startedAt = clock.bootTime()
        done = loop.makePromise()
    }

    func run(to endpoint: Endpoint) -> EventLoopFuture<OpenOutcome> {
        let bound = NIOLoopBound(self, eventLoop: loop)
        let connected = (0..<load.connections).map { _ in
            ClientBootstrap(group: loop)
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let connection = try OpenConnection(pacer: bound.value, authority: endpoint.description)
                        bound.value.connections.append(connection)
                        try channel.pipeline.syncOperations.addHandler(connection)
                    }
                }
                .connect(host: endpoint.host, port: endpoint.port)
        }
        EventLoopFuture.whenAllSucceed(connected, on: loop).whenComplete { result in
            switch result {
            case .success(let channels):
                bound.value.channels = channels
                bound.value.startedAt = bound.value.clock.bootTime()
                bound.value.schedule()
            case .failure(let error): bound.value.done.fail(error)
            }
        }
        return done.futureResult
    }

    private func schedule() {
        let bound = NIOLoopBound(self, eventLoop: loop)
        loop.scheduleTask(in: Self.tick) { bound.value.onTick() }
    }

    private func onTick() {
        let now = clock.bootTime()
        let elapsed = now.since(startedAt)
        for connection in connections { connection.expire(at: now) }
        if elapsed < load.duration {
            outcome.elapsed = elapsed
            sendDue(elapsed, now)
        }
        for connection in connections { connection.flush() }
        // After the last call was sent there is as much time as it may take.
        guard elapsed < load.duration + load.deadline + .milliseconds(20) else { return finish() }
        schedule()
    }

    private func sendDue(_ elapsed: Duration, _ now: BootInstant) {
        let due = UInt64(elapsed / .seconds(1) * load.rate)
        var sent = 0
        while number < due, sent < Self.maxCallsATick {
            let place = OpenLoad.place(number)
            let at = startedAt.advanced(by: .nanoseconds(Int64(Double(number) / load.rate * 1e9)))
            let connection = connections[Int(number % UInt64(connections.count))]
            if now.since(at) >= load.deadline {
                outcome.missed += 1
            } else if !connection.admits(place, at: now) {
                outcome.throttled += 1
            } else if connection.send(place, request(place, number), dueAt: at, now: now) {
                outcome.classes[place].sent += 1
            } else {
                outcome.unsent += 1
            }
            number += 1
            sent += 1
        }
    }

    private func finish() {
        let outcome = outcome
        let done = done
        for channel in channels { channel.close(promise: nil) }
        let closed = EventLoopFuture.andAllComplete(channels.map(\.closeFuture), on: loop)
        connections = []
        channels = []
        closed.whenComplete { _ in done.succeed(outcome) }
    }
}
