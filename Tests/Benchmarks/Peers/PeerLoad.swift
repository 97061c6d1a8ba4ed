// One load generator for all whose appends are compared over loopback: workers that each wait for one durable batch.

import ClusterModel
import EventLog
import NodeEnvironment
import OperatorCommands

/// A connection of one worker to a store.
protocol BatchAppender: Sendable {
    /// Appends one batch; returns once the store says that it is durable.
    func append() async throws

    func close() async
}

/// What all of them are given.
struct PeerPlan: Sendable {
    /// Workers, one connection and one batch under way each.
    var workers: [Int]
    var records: Int
    var partitions: Int
    var duration: Duration

    /// With the header of ours 204 bytes: what a record of another store carries.
    static let recordBytes = 204
}

struct PeerLoad: Sendable {
    let plan: PeerPlan
    let clock: any NodeClock

    /// A batch each time, from every worker, for the plan's time. Throws the first failure.
    func run(
        named name: String, _ workers: Int, _ durability: String,
        connect: (Int) async throws -> any BatchAppender
    ) async throws -> BenchResult {
        var appenders: [any BatchAppender] = []
        for worker in 0..<workers { appenders.append(try await connect(worker)) }
        let started = clock.bootTime()
        let end = started.advanced(by: plan.duration)
        var latency = LatencyHistogram()
        var batches = 0
        try await withThrowingTaskGroup(of: (Int, LatencyHistogram).self) { group in
            for appender in appenders {
                group.addTask { [clock] in try await Self.work(appender, until: end, clock) }
            }
            for try await (count, histogram) in group {
                batches += count
                latency.merge(histogram)
            }
        }
        let seconds = clock.bootTime().since(started) / .seconds(1)
        for appender in appenders { await appender.close() }
        let records = Double(batches * plan.records)
        return BenchResult(
            name: name,
            parameters: [
                ("clients", "\(workers)"), ("batches_under_way", "\(workers)"),
                ("records_per_batch", "\(plan.records)"), ("record_bytes", "\(PeerPlan.recordBytes)"),
                ("durability", durability),
            ],
            figures: [
                ("events_per_second", records / seconds),
                ("bytes_per_second", records * Double(PeerPlan.recordBytes) / seconds),
                ("p50_us", Double(latency.quantileMicroseconds(0.5))),
                ("p99_us", Double(latency.quantileMicroseconds(0.99))),
            ])
    }

    private static func work(
        _ appender: any BatchAppender, until end: BootInstant, _ clock: any NodeClock
    ) async throws -> (Int, LatencyHistogram) {
        var latency = LatencyHistogram()
        var count = 0
        var now = clock.bootTime()
        while now < end {
            try await appender.append()
            let answered = clock.bootTime()
            latency.record(answered.since(now))
            now = answered
            count += 1
        }
        return (count, latency)
    }
}

extension BenchResult {
    var eventsPerSecond: Double { figures.first { $0.key == "events_per_second" }?.value ?? 0 }
}
