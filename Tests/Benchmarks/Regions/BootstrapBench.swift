// The measurements of `meridian-bench bootstrap`.

import ClusterModel
import MeridianClient
import MeridianProtocol
import NodeEnvironment
import OperatorCommands

struct BootstrapBench: Sendable {
    struct Plan: Sendable {
        var users: Int
        var partitions: Int
        /// Calls a second of each kind.
        var rate: Int
        /// How long calls are measured with nothing beside.
        var before: Duration
        /// A second.
        var kibibytes: Int

        /// Ids are forgotten soon and journals kept short, so that the logs' beginnings are trimmed within a minute.
        var settings: String {
            """

              segment_bytes: 9437184
              retention_bytes: 67108864
              retention_seconds: 3600
            limits: {snapshot_interval_seconds: \(max(1, min(20, users / 50_000)))}
            events: {id_max_age_seconds: 30, id_max_future_ms: 2000}
            clock: {max_drift_ms: 100, time_mark_interval_ms: 1000}
            mirror: {bootstrap_bytes_per_second: \(kibibytes << 10)}

            """
        }
    }

    /// Who dies half-way.
    enum Death: String, Sendable, CaseIterable {
        case nobody = "undisturbed"
        case requester = "requester-killed"
        case source = "source-killed"
    }

    private static let patience: Duration = .seconds(600)
    /// Between two rounds that wait for the logs' beginnings to go.
    private static let trimPatience: Duration = .seconds(90)
    /// Each begins a segment at every region: more than a journal keeps.
    private static let segments = 14
    /// From one start of all regions to the next.
    private static let rest: Duration = .seconds(1)

    let plan: Plan
    let fleet: BenchFleet
    let ledger = BenchLedger()
    /// The region that keeps everything, and the one that loses its directory.
    let source = 0
    let requester = 1

    var clock: any NodeClock { fleet.environment.clock }

    init(_ plan: Plan, _ fleet: BenchFleet) {
        self.plan = plan
        self.fleet = fleet
    }

    /// Writes to a region, and reads where asked for.
    func traffic(to region: Int, reads: Bool) -> SteadyTraffic {
        let client = fleet.users[region]
        var sources = [TrafficSource(kind: .writes, client: client, rate: plan.rate)]
        if reads { sources.append(TrafficSource(kind: .reads, client: client, rate: plan.rate)) }
        return SteadyTraffic(sources: sources, users: plan.users, ledger: ledger, clock: clock)
    }

    /// The report, and what does not hold.
    func measure() async throws -> (report: BenchReport, wrong: [String]) {
        var report = BenchReport(area: "bootstrap", results: [])
        report.results.append(try await load())
        try await trim(Array(try await held().keys))
        Console.progress("the logs' beginnings are trimmed")
        let calls = try await traffic(to: source, reads: true).run { try await clock.sleep(for: plan.before) }
        report.results.append(
            BenchResult(name: "bootstrap-before", parameters: parameters, figures: Self.figures(calls, "")))
        var wrong: [String] = []
        for death in Death.allCases {
            let life = try await BootstrapLife(self, death).run()
            report.results.append(life.result(parameters))
            wrong += life.wrong
            Console.progress(life.line)
        }
        return (report, wrong)
    }

    private var parameters: [(key: String, value: String)] {
        [
            ("users", "\(plan.users)"), ("partitions", "\(plan.partitions)"), ("rate", "\(plan.rate)"),
            ("kibibytes_per_second", "\(plan.kibibytes)"),
        ]
    }

    // MARK: Before

    private func load() async throws -> BenchResult {
        let clients = try (0..<2).flatMap { _ in try fleet.fleet.makePinnedClients() }
        let begun = clock.bootTime()
        do {
            try await UserLoader(users: plan.users, clients: clients, traffic: traffic(to: source, reads: false)).run()
        } catch {
            for client in clients { await client.close() }
            throw error
        }
        for client in clients { await client.close() }
        let seconds = clock.bootTime().since(begun) / .seconds(1)
        guard try await fleet.isConverged(within: Self.patience) else {
            throw OperatorFailure(.doesNotHold, "the regions did not become equal after \(plan.users) users")
        }
        return BenchResult(
            name: "bootstrap-load", parameters: parameters,
            figures: [
                ("seconds", seconds), ("events_per_second", Double(plan.users) / seconds),
                ("resident_bytes", Double(await fleet.node(source).residentBytes() ?? 0)),
                ("disk_bytes", Double(fleet.directory(source).bytes)),
            ])
    }

    /// Until nothing that took the users is whole at the source. Where they are few, starts begin the segments that it takes.
    private func trim(_ first: [LogIdentity]) async throws {
        for round in 0...Self.segments {
            let isEnough = round == Self.segments || fleet.directory(source).bytes > Self.longJournal
            if try await hasTrimmed(first, within: isEnough ? Self.trimPatience : Self.rest) { return }
            guard round < Self.segments else { break }
            for region in [source, requester] {
                try await fleet.node(region).kill()
                try await fleet.node(region).start()
            }
        }
        throw OperatorFailure(
            .doesNotHold, "the first region has not trimmed its logs", nextStep: "meridian status says what holds them")
    }

    /// Own writes of each region move the snapshots behind which segments go.
    private func hasTrimmed(_ first: [LogIdentity], within patience: Duration) async throws -> Bool {
        let (mine, others) = (traffic(to: source, reads: false), traffic(to: requester, reads: false))
        var isTrimmed = false
        _ = try await mine.run {
            _ = try await others.run {
                isTrimmed = try await fleet.wait(patience) { try await hasTrimmed(first) }
            }
        }
        return isTrimmed
    }

    /// The least that a journal is asked to keep, and the segment that is written.
    private static let longJournal: UInt64 = 80 << 20

    /// Those of users' events that the source holds, each with its place of beginning.
    private func held() async throws -> [LogIdentity: UInt64] {
        var held: [LogIdentity: UInt64] = [:]
        for log in try await fleet.logs(source) where log.topic == UInt32(TopicID.userEvents.rawValue) {
            let name = LogName(
                region: RegionNumber(UInt16(clamping: log.region)), topic: .userEvents,
                partition: PartitionID(log.partition))
            held[LogIdentity(name: name, incarnation: Incarnation(log.incarnation))] = log.baseOffset
        }
        return held
    }

    /// Whether no log that took the users is whole: its beginning has gone, or it is settled and has left.
    private func hasTrimmed(_ first: [LogIdentity]) async throws -> Bool {
        let held = try await held()
        return first.allSatisfy { held[$0] != 0 }
    }

    /// Of writes and of reads.
    static func figures(_ calls: [TrafficOutcome], _ prefix: String) -> [(key: String, value: Double)] {
        var figures: [(key: String, value: Double)] = []
        for (name, outcome) in zip(["writes", "reads"], calls) {
            figures += [
                ("\(prefix)\(name)", Double(outcome.calls)), ("\(prefix)\(name)_failed", Double(outcome.failed)),
                ("\(prefix)\(name)_p50_us", Double(outcome.latency.quantileMicroseconds(0.5))),
                ("\(prefix)\(name)_p99_us", Double(outcome.latency.quantileMicroseconds(0.99))),
                ("\(prefix)\(name)_max_us", Double(outcome.latency.maximumMicroseconds)),
            ]
        }
        return figures
    }

    /// Everything acknowledged is on both disks, and nothing is written.
    func settle() async throws {
        guard try await fleet.isConverged(within: Self.patience) else {
            throw OperatorFailure(
                .doesNotHold, "the regions did not become equal",
                nextStep: "run it again with --keep and read the nodes' logs")
        }
    }
}
