// One loss of a region's directory, and how it comes back.

import ClusterModel
import MeridianProtocol
import NodeEnvironment
import OperatorCommands

/// Runs once; what it came to is read afterwards.
struct BootstrapLife {
    private static let patience: Duration = .seconds(900)
    /// Traffic that is there before the region is.
    private static let ahead: Duration = .seconds(1)
    /// Records that may be on their way in a region that is up with the others.
    private static let underWay: UInt64 = 1_000

    private let bench: BootstrapBench
    private let death: BootstrapBench.Death
    /// From the start of the process until it serves, and until it has everything; and until all are equal, once traffic has ended.
    private var door = Duration.zero
    private var ready = Duration.zero
    private var converged = Duration.zero
    private var lines: BootstrapLines?
    /// Of the users, when the process was killed; and what had been fetched and not taken over then.
    private var shareAtKill = 0.0
    private var itemsAtKill = 0
    private var stagedAtKill: UInt64 = 0
    private var outage = Duration.zero
    private var meshBytes = 0.0
    private var pulledBytes: UInt64 = 0
    private var failures: [String] = []
    private var sourceCalls: [TrafficOutcome] = []
    private var requesterCalls: [TrafficOutcome] = []
    private var audits: [LedgerAudit] = []
    private var isConverged = false

    init(_ bench: BootstrapBench, _ death: BootstrapBench.Death) {
        self.bench = bench
        self.death = death
    }

    private var requester: NodeProcess { bench.fleet.node(bench.requester) }
    private var source: NodeProcess { bench.fleet.node(bench.source) }
    private var now: BootInstant { bench.clock.bootTime() }

    func run() async throws -> BootstrapLife {
        var life = self
        try await life.play()
        return life
    }

    private mutating func play() async throws {
        // What nobody else holds would be lost with the disk, rightly.
        try await bench.settle()
        try await requester.stop()
        try DirectoryCopy.delete(requester.journalPath)
        let start = BootstrapLines.length(requester.outputPath)
        var sentBefore = try bench.fleet.metrics(bench.source).mesh("sent_bytes")
        sourceCalls = try await bench.traffic(to: bench.source, reads: true).run {
            try await bench.clock.sleep(for: Self.ahead)
            let begun = now
            try await requester.start()
            door = now.since(begun)
            requesterCalls = try await bench.traffic(to: bench.requester, reads: false).run {
                try await disturb(start, &sentBefore)
                try await waitForAll()
            }
            ready = now.since(begun)
        }
        meshBytes += try bench.fleet.metrics(bench.source).mesh("sent_bytes") - sentBefore
        pulledBytes = try await bench.fleet.status(bench.requester).mirrors.first?.receivedBytes ?? 0
        lines = BootstrapLines(requester.outputPath, from: start)
        let ended = now
        isConverged = try await bench.fleet.isConverged(within: Self.patience)
        converged = now.since(ended)
        audits = try await bench.fleet.audits(bench.ledger, within: .seconds(60))
    }

    /// Kills who is to be killed once half of the users are there, and starts it again.
    private mutating func disturb(_ start: UInt64, _ sentBefore: inout Double) async throws {
        guard death != .nobody else { return }
        let all = try await bench.fleet.status(bench.source).users
        var users: UInt64 = 0
        _ = try await bench.fleet.wait(Self.patience) {
            users = try await bench.fleet.status(bench.requester).users
            return users >= all / 2
        }
        let killed = now
        shareAtKill = Double(users) / Double(max(1, all))
        switch death {
        case .nobody: return
        case .requester:
            try await requester.kill()
            stagedAtKill = bench.fleet.directory(bench.requester).stagedBytes
            itemsAtKill = BootstrapLines(requester.outputPath, from: start).taken.count
            try await requester.start()
        case .source:
            meshBytes = try bench.fleet.metrics(bench.source).mesh("sent_bytes") - sentBefore
            try await source.kill()
            itemsAtKill = BootstrapLines(requester.outputPath, from: start).taken.count
            try await source.start()
            // A new process counts from zero.
            sentBefore = 0
        }
        outage = now.since(killed)
    }

    /// Until the region has all users, waits for nothing, and is up with the other one.
    private func waitForAll() async throws {
        let isThere = try await bench.fleet.wait(Self.patience) {
            let (mine, other) = (
                try await bench.fleet.status(bench.requester), try await bench.fleet.status(bench.source)
            )
            return mine.users >= other.users && mine.bootstrap.waiting == 0
                && mine.mirrors.allSatisfy { $0.lagEvents < Self.underWay }
        }
        guard isThere else {
            let status = try await bench.fleet.status(bench.requester)
            throw OperatorFailure(
                .doesNotHold,
                "\(death.rawValue): \(status.users) users after \(Self.patience), \(status.bootstrap.waiting) states wait: "
                    + status.bootstrap.failure,
                nextStep: "run it again with --keep and read the nodes' logs")
        }
    }

    // MARK: What it came to

    var wrong: [String] {
        var wrong: [String] = []
        if !isConverged { wrong.append("\(death.rawValue): the regions' digests are not equal") }
        if audits.count != bench.fleet.fleet.count {
            wrong.append("\(death.rawValue): a region does not tell its figures")
        }
        for (region, audit) in audits.enumerated() where !audit.holds {
            wrong.append(
                "\(death.rawValue): region \(region + 1) lacks \(audit.missing) acknowledged events and counts \(audit.twice) twice"
            )
        }
        for (name, calls) in [("first", sourceCalls), ("second", requesterCalls)] {
            for call in calls where call.failed > 0 {
                wrong.append(
                    "\(death.rawValue): \(call.failed) calls of the \(name) region failed, the last with \(call.lastFailure ?? "")"
                )
            }
        }
        return wrong
    }

    func result(_ parameters: [(key: String, value: String)]) -> BenchResult {
        let repeated = lines?.repeated ?? (items: 0, bytes: 0)
        var figures: [(key: String, value: Double)] = [
            ("door_seconds", door / .seconds(1)), ("seconds", ready / .seconds(1)),
            ("equal_seconds_after_traffic", converged / .seconds(1)),
            ("snapshots", Double(lines?.taken.count ?? 0)), ("snapshot_bytes", Double(lines?.bytes ?? 0)),
            ("snapshots_twice", Double(repeated.items)), ("bytes_twice", Double(repeated.bytes)),
            ("pulled_bytes", Double(pulledBytes)), ("source_sent_bytes", meshBytes),
        ]
        if death != .nobody {
            figures += [
                ("users_at_kill_ratio", shareAtKill), ("snapshots_at_kill", Double(itemsAtKill)),
                ("staged_bytes_at_kill", Double(stagedAtKill)), ("outage_seconds", outage / .seconds(1)),
            ]
        }
        figures += BootstrapBench.figures(sourceCalls, "source_") + BootstrapBench.figures(requesterCalls, "requester_")
        figures += [
            ("missing_events", Double(audits.reduce(0) { $0 + $1.missing })),
            ("double_events", Double(audits.reduce(0) { $0 + $1.twice })), ("digests_equal", isConverged ? 1 : 0),
        ]
        return BenchResult(name: "bootstrap-\(death.rawValue)", parameters: parameters, figures: figures)
    }

    var line: String {
        let cells = result([]).figures.map { "\($0.key) \(($0.value * 100).rounded() / 100)" }
        return "\(death.rawValue): " + cells.joined(separator: ", ")
    }
}
