// The measurements of `meridian-bench snapshot`.

import ClusterModel
import EventLog
import HostEnvironment
import MeridianNode
import NodeEnvironment
import OperatorCommands
import Personalization

struct SnapshotBench: Sendable {
    let users: Int
    let partitions: Int
    let events: Int
    let environment: NodeEnvironment
    let scratch: ScratchDirectory

    /// One shard with its part of the users, each with a few events, and the log that it follows.
    private struct Shard {
        var state: ShardState
        private var next: UInt64 = 0
        /// Events made, a millisecond apart.
        private var made: UInt64 = 0
        private var generator: SeededGenerator
        private let users: Int

        init(_ partition: Int, users: Int) throws {
            state = ShardState(partition: PartitionID(UInt32(partition)))
            generator = SeededGenerator(seed: UInt64(partition))
            self.users = users
            let opening = OpeningRecord(predecessor: nil, applyVersion: StateLimits.applyVersion)
            try apply(EventRecord(kind: .opening, stamp: .zero, id: EventID(time: 0, client: 0), body: opening.body))
            for user in 0..<users { try apply(interaction(of: user)) }
            for _ in 0..<users { try apply(interaction(of: nil)) }
        }

        mutating func apply(_ record: EventRecord) throws {
            try state.apply(record, in: RegionNumber(1), Incarnation(1), at: Offset(next))
            next += 1
        }

        /// Of a user drawn by chance, where none is given.
        mutating func interaction(of user: Int?) -> EventRecord {
            made += 1
            let time = WallTime(milliseconds: 1_700_000_000_000 + made)
            let event = UserEvent.interaction(
                InteractionEvent(
                    user: UserKey(userID: "user-\(user ?? Int(generator.next() % UInt64(users)))"), kind: .click,
                    contentID: "content-\(generator.next() % 2_000)", occurredAt: time))
            return EventRecord(
                kind: event.kind, stamp: HybridStamp(at: time),
                id: EventID(time: time.milliseconds << 16, client: made), body: event.body)
        }
    }

    func measure(_ report: inout BenchReport) async throws {
        let store = SnapshotStore(directory: "\(scratch.path)/snapshots", files: environment.files)
        for partition in 0..<partitions {
            var shard = try Shard(partition, users: users / partitions)
            if partition == 0 { try fold(&shard, &report) }
            let started = environment.clock.bootTime()
            let bytes = ShardSnapshot.encode(shard.state)
            let seconds = environment.clock.bootTime().since(started) / .seconds(1)
            if partition == 0 {
                report.results.append(
                    BenchResult(
                        name: "encode", parameters: shape,
                        figures: [
                            ("seconds", seconds), ("bytes", Double(bytes.count)),
                            ("bytes_per_user", Double(bytes.count) / Double(max(1, shard.state.userCount))),
                        ]))
            }
            try store.save(bytes, of: PartitionID(UInt32(partition)))
        }
        try await restore(&report)
    }

    private var shape: [(key: String, value: String)] {
        [("users", "\(users / partitions)"), ("of_users", "\(users)"), ("partitions", "\(partitions)")]
    }

    // MARK: Beside the shard's work

    private func fold(_ shard: inout Shard, _ report: inout BenchReport) throws {
        report.results.append(try fold(&shard, named: "fold-alone"))
        let view = shard.state
        report.results.append(try fold(&shard, named: "fold-beside-view"))
        // Held to here, as a snapshot's writer does.
        guard view.userCount == shard.state.userCount else { throw OperatorFailure(.unreachable, "a user was lost") }
    }

    private func fold(_ shard: inout Shard, named name: String) throws -> BenchResult {
        let records = (0..<events).map { _ in shard.interaction(of: nil) }
        var latency = LatencyHistogram()
        // By the thread's own time: what other guests of the machine take is no pause of ours.
        var slowest = Duration.zero
        var before = environment.clock.bootTime()
        let started = before
        var busy = CPUTime.thread
        for record in records {
            try shard.apply(record)
            let (now, used) = (environment.clock.bootTime(), CPUTime.thread)
            latency.record(now.since(before))
            slowest = max(slowest, used - busy)
            (before, busy) = (now, used)
        }
        let seconds = before.since(started) / .seconds(1)
        return BenchResult(
            name: name, parameters: shape,
            figures: [
                ("events_per_second", Double(events) / seconds),
                ("p99_us", Double(latency.quantileMicroseconds(0.99))),
                ("slowest_cpu_us", slowest / .microseconds(1)),
            ])
    }

    // MARK: At a start

    private func restore(_ report: inout BenchReport) async throws {
        let yaml = """
            deployment: {id: bench, partitions: \(partitions)}
            region: {name: bench, number: 1}
            node: {name: n1}
            log: {directory: \(scratch.path)}

            """
        // A node has a loop a core.
        let pool = EventLoopPool(count: 0)
        let restore = SnapshotRestore(
            try NodeConfiguration(yaml: yaml, file: "bench.yaml"),
            environment: NodeEnvironment(
                clock: environment.clock, entropy: environment.entropy, executors: pool, files: environment.files,
                links: environment.links))
        var seconds: [Double] = []
        for threads in [1, min(pool.loops.count, partitions)] {
            let started = environment.clock.bootTime()
            let found = seconds.isEmpty ? try restore.runHere() : try await restore.run()
            seconds.append(environment.clock.bootTime().since(started) / .seconds(1))
            guard found.shards.allSatisfy({ $0 != nil }) else {
                throw OperatorFailure(.unreachable, "a snapshot does not verify: \(found.refused)")
            }
            report.results.append(
                BenchResult(
                    name: "restore", parameters: shape + [("threads", "\(threads)")],
                    figures: [
                        ("seconds", seconds[seconds.count - 1]),
                        ("users_per_second", Double(users) / seconds[seconds.count - 1]),
                    ]))
        }
        try await pool.shutDown()
        report.ratios.append(("restore_speedup", seconds[0] / seconds[1]))
    }
}
