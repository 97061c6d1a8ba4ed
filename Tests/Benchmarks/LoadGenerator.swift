// A closed loop over connections and streams: every worker sends its next request when the last one is answered.

import ClusterModel
import GRPCFraming
import NIOCore
import NodeEnvironment
import OperatorCommands

/// One request as bytes: encoding it is not part of what is measured.
struct PreparedRequest: Sendable {
    var path: String
    var message: ByteBuffer
    var metadata = CallMetadata()
}

struct LoadOutcome: Sendable {
    /// Answered OK.
    var requests: UInt64 = 0
    var failures: UInt64 = 0
    var latency = LatencyHistogram()
    var elapsed: Duration = .zero
    var lastFailure: String?

    mutating func merge(_ other: LoadOutcome) {
        requests += other.requests
        failures += other.failures
        latency.merge(other.latency)
        lastFailure = other.lastFailure ?? lastFailure
    }

    var requestsPerSecond: Double { Double(requests) / max(0.001, elapsed / .seconds(1)) }
}

struct LoadGenerator: Sendable {
    var connections: Int
    /// Calls under way on each connection.
    var streams: Int
    var duration: Duration
    var security = LinkSecurity.plaintext

    /// `request(worker, number)` gives the next request of a worker.
    func run(
        to endpoint: Endpoint, environment: NodeEnvironment,
        request: @escaping @Sendable (Int, UInt64) -> PreparedRequest
    ) async throws -> LoadOutcome {
        var channels: [any CallChannel] = []
        for _ in 0..<connections { channels.append(try environment.links.channel(to: endpoint, security: security)) }
        let started = environment.clock.bootTime()
        let end = started.advanced(by: duration)
        var total = LoadOutcome()
        await withTaskGroup(of: LoadOutcome.self) { group in
            for (index, channel) in channels.enumerated() {
                for stream in 0..<streams {
                    let worker = index * streams + stream
                    group.addTask {
                        await Self.work(worker, channel, until: end, clock: environment.clock, request)
                    }
                }
            }
            for await outcome in group { total.merge(outcome) }
        }
        total.elapsed = environment.clock.bootTime().since(started)
        for channel in channels { await channel.close() }
        return total
    }

    private static func work(
        _ worker: Int, _ channel: any CallChannel, until end: BootInstant, clock: any NodeClock,
        _ request: @Sendable (Int, UInt64) -> PreparedRequest
    ) async -> LoadOutcome {
        var outcome = LoadOutcome()
        var number: UInt64 = 0
        var now = clock.bootTime()
        while now < end {
            let next = request(worker, number)
            number += 1
            do {
                _ = try await channel.unary(
                    path: next.path, message: next.message, metadata: next.metadata,
                    deadline: now.advanced(by: .seconds(10)))
                outcome.requests += 1
            } catch {
                outcome.failures += 1
                outcome.lastFailure = "\(error)"
            }
            let answered = clock.bootTime()
            outcome.latency.record(answered.since(now))
            now = answered
        }
        return outcome
    }
}
