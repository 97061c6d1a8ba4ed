// The main job once through: start, publish, serve and remember, kill, restart, go on, stop, compare.

import ClusterModel
import Datasets
import MeridianClient
package import NodeEnvironment

/// One quick start on one node. The node and its files belong to it.
package struct QuickstartRun: Sendable {
    private let plan: QuickstartPlan
    private let node: NodeProcess
    private let environment: NodeEnvironment
    private let say: @Sendable (String) async -> Void
    private let acknowledgementPath: String

    package init(
        _ plan: QuickstartPlan, node: NodeProcess, environment: NodeEnvironment,
        say: @escaping @Sendable (String) async -> Void
    ) {
        self.plan = plan
        self.node = node
        self.environment = environment
        self.say = say
        acknowledgementPath = "\(node.directory)/acknowledged"
    }

    /// Runs to the verdict. Throws where the run could not be made; what does not hold is in the outcome.
    package func run() async throws -> QuickstartOutcome {
        let source = try ReplayInput.read(plan.data, seed: plan.seed, files: environment.files)
        await say("input: \(source.input.rawValue), \(source.items.count) items")
        try await node.start()
        await say("node serves on \(node.endpoint), files in \(node.directory)")
        let client = try node.makeClient()
        do {
            let outcome = try await serve(source, client)
            await client.close()
            return outcome
        } catch {
            await client.close()
            throw error
        }
    }

    private func serve(_ source: ReplaySource, _ client: MeridianClient) async throws -> QuickstartOutcome {
        let service = NodeConnection(client, timeout: QuickstartLimits.call)
        let catalogue = ReplayCatalogue(source, now: environment.clock.wallTime())
        try await ReplayDriver.publish(catalogue.present, to: service) { _ in }
        await say(
            "published \(catalogue.present.count) items, \(catalogue.later.count) come out on the way; replaying at \(plan.rate) events/s for \(plan.duration)"
        )
        let file = try AcknowledgementFile(creating: acknowledgementPath, files: environment.files)
        defer { file.close() }
        let run = ReplayRun(
            plan.replay, source: source, clock: environment.clock, acknowledgements: file,
            later: catalogue.later)
        let kills = try await drive(run, service)
        let (measurement, _, elapsed) = try await run.finish()
        let residentBytes = await node.residentBytes()
        let proof = try await NodeProof(node: node, environment: environment).compare(
            acknowledged: acknowledgementPath, client: client, say: say)
        var outcome = QuickstartOutcome(
            input: source.input, measurement: measurement, elapsed: elapsed, check: proof.check,
            digestsEqual: proof.digestsEqual, outage: kills > 0 ? measurement.longestGap : nil, kills: kills,
            residentBytes: residentBytes, complaints: proof.complaints)
        if measurement.eventsAcknowledged == 0 { outcome.complaints.append("no event was acknowledged") }
        if measurement.eventsRefused > 0 {
            outcome.complaints.append("events were refused: \(measurement.lastFailure ?? "")")
        }
        if measurement.failedCalls > 0 {
            outcome.complaints.append(
                "\(measurement.failedCalls) calls failed for good: \(measurement.lastFailure ?? "")")
        }
        return outcome
    }

    /// Replays, with the kill in the middle beside it. Returns how often the node was killed.
    private func drive(_ run: ReplayRun, _ service: NodeConnection) async throws -> Int {
        let session = ReplaySession(run, service: service, clock: environment.clock)
        return try await withThrowingTaskGroup(of: Int.self) { group in
            group.addTask {
                await session.drive(progress: say)
                return 0
            }
            if plan.kills { group.addTask { try await killInTheMiddle(run) } }
            var kills = 0
            do {
                for try await count in group { kills += count }
            } catch {
                await run.stop()
                group.cancelAll()
                throw error
            }
            return kills
        }
    }

    private func killInTheMiddle(_ run: ReplayRun) async throws -> Int {
        try await environment.clock.sleep(for: plan.duration / 2)
        await say("kill -9")
        await run.onKill()
        try await node.kill()
        try await node.start()
        await say("node serves again")
        return 1
    }
}
