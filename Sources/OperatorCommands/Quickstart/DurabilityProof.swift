// `quickstart --prove`: kills at random moments, a check after each; then with a disk that forgets unsynced writes; then
// the canary, which shows that the check can fail.

import ClusterModel
import Datasets
import MeridianClient
package import NodeEnvironment

/// The proof that what is acknowledged is durable (S6, S7). Ends every process that it starts.
package struct DurabilityProof: Sendable {
    /// How much is tried. Tests try less.
    package struct Extent: Hashable, Sendable {
        package var killRounds = 10
        package var powerCutRounds = 10
        /// Traffic of a round.
        package var round: Duration = .seconds(3)

        package init() {}
    }

    private let plan: QuickstartPlan
    private let extent: Extent
    private let scratch: ScratchDirectory
    private let shimSource: String?
    let environment: NodeEnvironment
    private let say: @Sendable (String) async -> Void

    package init(
        _ plan: QuickstartPlan, extent: Extent = Extent(), scratch: ScratchDirectory, shimSource: String?,
        environment: NodeEnvironment, say: @escaping @Sendable (String) async -> Void
    ) {
        self.plan = plan
        self.extent = extent
        self.scratch = scratch
        self.shimSource = shimSource
        self.environment = environment
        self.say = say
    }

    package func run() async throws -> ProofOutcome {
        let source = try ReplayInput.read(plan.data, seed: plan.seed, files: environment.files)
        var outcome = ProofOutcome(input: source.input, seed: plan.seed)
        var moments = SeededGenerator(seed: plan.seed)
        await say("seed \(plan.seed): \(extent.killRounds) kills, \(extent.powerCutRounds) power cuts, the canary")
        outcome.rounds += try await rounds(extent.killRounds, source, nil, &moments)
        guard let shimSource else {
            await say("no --shim-source: power cuts and the canary are left out, so this proves less")
            return outcome
        }
        let shim = try await FaultShim(source: shimSource, directory: scratch.path, environment: environment)
        outcome.rounds += try await rounds(extent.powerCutRounds, source, shim, &moments)
        outcome.canary = try await withNode("canary") { node in
            try await canary(node, source, shim, seed: moments.next())
        }
        return outcome
    }

    /// All rounds of one fault, on one directory: ids and log grow from round to round, and every check looks at all.
    private func rounds(
        _ count: Int, _ source: ReplaySource, _ shim: FaultShim?, _ moments: inout SeededGenerator
    ) async throws -> [ProofOutcome.Round] {
        guard count > 0 else { return [] }
        var generator = moments
        let rounds = try await withNode(shim == nil ? "kill" : "power-cut") { node in
            let file = try AcknowledgementFile(creating: "\(node.directory)/acknowledged", files: environment.files)
            defer { file.close() }
            var filed: UInt64 = 0
            var rounds: [ProofOutcome.Round] = []
            for number in 1...count {
                let share = Double(generator.next() >> 11) / Double(UInt64(1) << 53)
                var fault = RoundFault(shim: shim, after: extent.round * (0.1 + 0.6 * share))
                fault.seeds = [generator.next(), generator.next()]
                let round = try await self.round(node, source, fault, file, &filed, publishes: number == 1)
                rounds.append(round)
                await say("\(number)/\(count) \(round.fault.rawValue): \(round.verdict.check.text)")
            }
            return rounds
        }
        moments = generator
        return rounds
    }

    private struct RoundFault: Sendable {
        var shim: FaultShim?
        var after: Duration
        /// Of the shim before the kill and after it.
        var seeds: [UInt64] = []

        func variables(_ place: Int, covering directory: String) -> [String: String] {
            shim?.variables(covering: directory, seed: seeds[place]) ?? [:]
        }
    }

    private func round(
        _ node: NodeProcess, _ source: ReplaySource, _ fault: RoundFault, _ file: AcknowledgementFile,
        _ filed: inout UInt64, publishes: Bool
    ) async throws -> ProofOutcome.Round {
        try await node.start(fault.variables(0, covering: node.journalPath))
        let client = try node.makeClient()
        let service = NodeConnection(client, timeout: QuickstartLimits.call)
        if publishes { try await ReplayDriver.publish(source.items, to: service) { _ in } }
        var replay = plan.replay
        replay.duration = extent.round
        let run = ReplayRun(replay, source: source, clock: environment.clock, acknowledgements: file, filed: filed)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await ReplayDriver(run, service: service, clock: environment.clock).drive() }
            group.addTask { try await strike(node, fault, run) }
            do {
                try await group.waitForAll()
            } catch {
                await run.stop()
                group.cancelAll()
                throw error
            }
        }
        let (measurement, written, _) = try await run.finish()
        filed = written
        let verdict = try await NodeProof(node: node, environment: environment).compare(
            acknowledged: "\(node.directory)/acknowledged", client: client, say: { _ in })
        await client.close()
        return ProofOutcome.Round(
            fault: fault.shim == nil ? .kill : .powerCut, killedAfter: fault.after, outage: measurement.longestGap,
            requests: measurement.requests, verdict: verdict, refused: measurement.eventsRefused,
            latency: measurement.latency)
    }

    private func strike(_ node: NodeProcess, _ fault: RoundFault, _ run: ReplayRun) async throws {
        try await environment.clock.sleep(for: fault.after)
        await run.onKill()
        if let shim = fault.shim {
            try shim.pullThePlug(files: environment.files)
            try await node.waitForDeath()
            try shim.plugIn(files: environment.files)
        } else {
            try await node.kill()
        }
        try await node.start(fault.variables(1, covering: node.journalPath))
    }

    /// Syncs that do nothing: the check must find that acknowledged events are gone.
    private func canary(
        _ node: NodeProcess, _ source: ReplaySource, _ shim: FaultShim, seed: UInt64
    ) async throws -> ProofOutcome.Canary {
        let path = "\(node.directory)/acknowledged"
        let file = try AcknowledgementFile(creating: path, files: environment.files)
        defer { file.close() }
        try await node.start(shim.variables(covering: node.journalPath, seed: seed, ignoresSync: true))
        let client = try node.makeClient()
        // Nobody restarts this node, so its callers give up soon.
        let service = NodeConnection(client, timeout: .seconds(1))
        try await ReplayDriver.publish(Array(source.items.prefix(256)), to: service) { _ in }
        var replay = plan.replay
        replay.duration = extent.round
        let run = ReplayRun(replay, source: source, clock: environment.clock, acknowledgements: file)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await ReplayDriver(run, service: service, clock: environment.clock).drive() }
            group.addTask {
                try await environment.clock.sleep(for: extent.round / 2)
                await run.stop()
                try shim.pullThePlug(files: environment.files)
                try await node.waitForDeath()
            }
            try await group.waitForAll()
        }
        await client.close()
        let ids = try AcknowledgementFile.read(path, files: environment.files).map(\.id)
        return Self.judge(ids, directory: node.journalPath, files: environment.files)
    }

    private static func judge(
        _ ids: [EventID], directory: String, files: any FileStore
    ) -> ProofOutcome.Canary {
        guard !ids.isEmpty else {
            return ProofOutcome.Canary(foundLoss: false, text: "nothing was acknowledged, so nothing was shown")
        }
        do throws(OperatorFailure) {
            let check = AcknowledgementCheck(ids, in: try JournalFold(directory: directory, files: files))
            return ProofOutcome.Canary(foundLoss: !check.lost.isEmpty, text: check.text)
        } catch {
            return ProofOutcome.Canary(
                // A log in use was not looked at, so that would show nothing.
                foundLoss: error.status != .refused,
                text: "\(ids.count) events were acknowledged and the log cannot be read: \(error.message)")
        }
    }

    /// A node with a directory of its own; its process ends with `body`, whatever happens.
    private func withNode<Value: Sendable>(
        _ name: String, _ body: (NodeProcess) async throws -> Value
    ) async throws -> Value {
        let directory = try scratch.makeSubdirectory(name)
        // The journal's directory has to be there before a process under the shim starts.
        _ = try scratch.makeSubdirectory("\(name)/data")
        let node = try NodeProcess(binary: plan.nodeBinary, directory: directory, environment: environment)
        do {
            let value = try await body(node)
            await node.end()
            return value
        } catch {
            await node.end()
            throw error
        }
    }
}
