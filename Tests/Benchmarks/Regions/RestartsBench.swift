// The measurements of `meridian-bench restarts`.

import ClusterModel
import MeridianClient
import MeridianProtocol
import NodeEnvironment
import OperatorCommands

struct RestartsBench: Sendable {
    struct Plan: Sendable {
        var restarts: Int
        var regions: Int
        var partitions: Int
        /// Events a second of the users of each region.
        var rate: Int
        var rest: Duration
    }

    /// Ids are forgotten after some 12 s, and a journal holds about as many segments as the first ten starts begin: from there on
    /// nothing has a reason to grow.
    static let settings = """

          segment_bytes: 9437184
          retention_bytes: 67108864
          retention_seconds: 3600
        limits: {snapshot_interval_seconds: 1}
        events: {id_max_age_seconds: 30, id_max_future_ms: 2000}
        clock: {max_drift_ms: 100, time_mark_interval_ms: 1000}

        """
    /// Few enough that all of them exist after the first minute.
    private static let users = 2_000
    private static let patience: Duration = .seconds(120)
    /// What a start sends over the mesh has been sent by then, and what a pull comes to is measured for so long.
    private static let quiet: Duration = .seconds(3)

    private let plan: Plan
    private let fleet: BenchFleet
    private let ledger = BenchLedger()
    private let traffic: SteadyTraffic
    /// The region that is restarted, and one that is not.
    private var restarted: Int { plan.regions - 1 }
    private let survivor = 0

    private var clock: any NodeClock { fleet.environment.clock }

    init(_ plan: Plan, _ fleet: BenchFleet) throws {
        self.plan = plan
        self.fleet = fleet
        var sources: [TrafficSource] = []
        for region in 0..<plan.regions {
            sources.append(
                TrafficSource(kind: .writes, client: try fleet.fleet.makeUserClient(home: region), rate: plan.rate))
        }
        traffic = SteadyTraffic(
            sources: sources, users: Self.users, ledger: ledger, clock: fleet.environment.clock)
    }

    /// The report, and what does not hold.
    func measure() async throws -> (report: BenchReport, wrong: [String]) {
        do {
            let outcome = try await play()
            await close()
            return outcome
        } catch {
            await close()
            throw error
        }
    }

    private func close() async { for source in traffic.sources { await source.client.close() } }

    /// 10, 100 and so on, and the last one.
    static func marks(_ restarts: Int) -> [Int] {
        var (marks, next) = ([Int](), 10)
        while next < restarts, marks.count < 8 {
            marks.append(next)
            next *= 10
        }
        return marks + [restarts]
    }

    private func play() async throws -> (report: BenchReport, wrong: [String]) {
        var (report, done, marks) = (BenchReport(area: "restarts", results: []), 0, [RestartMark]())
        for number in Self.marks(plan.restarts) {
            var mark = RestartMark(restarts: number)
            let (begun, before) = (clock.bootTime(), ledger.acknowledged)
            // The last one before a mark happens while nobody writes: what it sends over the mesh is its own.
            _ = try await traffic.run {
                for number in done..<(number - 1) {
                    try await restart(number, &mark)
                    try await clock.sleep(for: plan.rest)
                }
            }
            mark.eventsPerSecond =
                Double(ledger.acknowledged - before) / max(0.001, clock.bootTime().since(begun) / .seconds(1))
            try await look(&mark)
            done = number
            marks.append(mark)
            report.results.append(mark.result(plan, ledger))
            Console.progress(mark.line)
        }
        report.ratios = RestartMark.ratios(marks)
        let (check, wrong) = try await check()
        report.results.append(check)
        return (report, wrong)
    }

    // MARK: One restart

    private func restart(_ number: Int, _ mark: inout RestartMark) async throws {
        let node = fleet.node(restarted)
        mark.logsPeak = max(mark.logsPeak, try await fleet.logs(restarted).count, try await fleet.logs(survivor).count)
        let isKill = number.isMultiple(of: 2)
        let stopped = clock.bootTime()
        if isKill { try await node.kill() } else { try await node.stop() }
        let begun = clock.bootTime()
        if !isKill { mark.stops.append(begun.since(stopped)) }
        async let acknowledged = firstAcknowledged(since: begun)
        do { try await node.start() } catch {
            _ = await acknowledged
            throw error
        }
        let ready = clock.bootTime().since(begun)
        if isKill { mark.startsAfterKill.append(ready) } else { mark.startsAfterStop.append(ready) }
        guard let first = await acknowledged else {
            throw OperatorFailure(
                .doesNotHold,
                "start \(number + 1) acknowledged no event within \(Self.patience): \(ledger.lastFailure ?? "")",
                nextStep: "run it again with --keep and read the node's log")
        }
        mark.firstEvents.append(first)
    }

    /// How long after `begun` the region has acknowledged an event; nil where it has not.
    private func firstAcknowledged(since begun: BootInstant) async -> Duration? {
        // Patience ends before ids do.
        let deadline = begun.advanced(by: Self.patience)
        while clock.bootTime() < deadline {
            let failure = await traffic.write(fleet.users[restarted], 0, 0)
            if failure == nil { return clock.bootTime().since(begun) }
        }
        return nil
    }

    // MARK: Figures

    /// One more restart with nobody who writes, and then what everything has come to.
    private func look(_ mark: inout RestartMark) async throws {
        _ = try await fleet.isConverged(within: Self.patience)
        let before = try fleet.metrics(survivor)
        try await restart(mark.restarts - 1, &mark)
        try await clock.sleep(for: Self.quiet)
        let (started, survived) = (try fleet.metrics(restarted), try fleet.metrics(survivor))
        mark.startBytes = [
            ("survivor_received", survived.mesh("received_bytes") - before.mesh("received_bytes")),
            ("survivor_sent", survived.mesh("sent_bytes") - before.mesh("sent_bytes")),
            ("restarted_received", started.mesh("received_bytes")), ("restarted_sent", started.mesh("sent_bytes")),
        ]
        // Until what the start left has been settled everywhere.
        mark.isConverged = try await fleet.isConverged(within: Self.patience)
        // A log a partition and region, and each region's of the catalogue.
        let settled = (plan.partitions + 1) * plan.regions
        mark.isSettled = try await fleet.wait(Self.patience) {
            for region in 0..<plan.regions {
                guard try await fleet.logs(region).count <= settled else { return false }
            }
            return true
        }
        try await measurePulls(&mark)
        try await measureNodes(&mark)
    }

    /// Bytes of a call of another region and of its answer, while nothing but time marks is written.
    private func measurePulls(_ mark: inout RestartMark) async throws {
        let before = try fleet.metrics(survivor)
        try await clock.sleep(for: Self.quiet)
        let after = try fleet.metrics(survivor)
        let calls = max(1, after.mesh("calls") - before.mesh("calls"))
        mark.callBytes = (after.mesh("received_bytes") - before.mesh("received_bytes")) / calls
        mark.answerBytes = (after.mesh("sent_bytes") - before.mesh("sent_bytes")) / calls
    }

    private func measureNodes(_ mark: inout RestartMark) async throws {
        for region in 0..<plan.regions {
            let directory = fleet.directory(region)
            mark.logs = max(mark.logs, try await fleet.logs(region).count)
            mark.unsettled = max(mark.unsettled, try fleet.metrics(region).value("meridian_log_unsettled_starts"))
            mark.diskBytes = max(mark.diskBytes, directory.bytes)
            mark.diskFiles = max(mark.diskFiles, directory.files)
            mark.lineageBytes = max(mark.lineageBytes, directory.lineageBytes)
            mark.basesBytes = max(mark.basesBytes, directory.basesBytes)
            mark.snapshotBytes = max(mark.snapshotBytes, directory.snapshotBytes)
        }
        for (region, name) in [(survivor, "survivor"), (restarted, "restarted")] {
            let process = await fleet.node(region).identifier ?? 0
            mark.processes.append(("\(name)_resident_bytes", Double(await fleet.node(region).residentBytes() ?? 0)))
            mark.processes.append(("\(name)_descriptors", Double(OpenDescriptors.count(of: process))))
        }
    }

    // MARK: In the end

    private func check() async throws -> (result: BenchResult, wrong: [String]) {
        let isConverged = try await fleet.isConverged(within: Self.patience)
        let audits = try await fleet.audits(ledger, within: Self.patience)
        let (missing, twice) = (audits.reduce(0) { $0 + $1.missing }, audits.reduce(0) { $0 + $1.twice })
        var wrong: [String] = []
        if !isConverged { wrong.append("the regions' digests are not equal") }
        if audits.count != plan.regions { wrong.append("a region does not tell its figures") }
        if missing > 0 { wrong.append("\(missing) acknowledged events do not count") }
        if twice > 0 { wrong.append("\(twice) events count twice") }
        if ledger.unknown > 0 {
            wrong.append("\(ledger.unknown) events were given up, the last for: \(ledger.lastFailure ?? "")")
        }
        let result = BenchResult(
            name: "restarts-check", parameters: [("regions", "\(plan.regions)")],
            figures: [
                ("acknowledged_events", Double(ledger.acknowledged)), ("given_up_events", Double(ledger.unknown)),
                ("missing_events", Double(missing)), ("double_events", Double(twice)),
                ("digests_equal", isConverged ? 1 : 0),
                ("error_lines", Double(fleet.fleet.nodes.reduce(0) { $0 + LoggedErrors.count($1.outputPath) })),
            ])
        return (result, wrong)
    }
}
