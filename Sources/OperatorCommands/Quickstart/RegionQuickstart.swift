// The main job on several regions: publish in one, serve users in all, kill one, go on, bring it back, compare.

import ClusterModel
import Datasets
import MeridianClient
package import NodeEnvironment

/// One quick start on two regions or more. Ends every process that it starts.
package struct RegionQuickstart: Sendable {
    private let plan: QuickstartPlan
    private let scratch: ScratchDirectory
    private let environment: NodeEnvironment
    private let say: @Sendable (String) async -> Void

    package init(
        _ plan: QuickstartPlan, scratch: ScratchDirectory, environment: NodeEnvironment,
        say: @escaping @Sendable (String) async -> Void
    ) {
        self.plan = plan
        self.scratch = scratch
        self.environment = environment
        self.say = say
    }

    /// What happened beside the traffic.
    private struct Beside: Sendable {
        var kill: KillRecord?
        var lag: MirrorLag?
        var freshness = LatencyHistogram()
    }

    /// Runs to the verdict. Throws where the run could not be made; what does not hold is in the outcome.
    package func run() async throws -> RegionOutcome {
        let source = try ReplayInput.read(plan.data, seed: plan.seed, files: environment.files)
        await say("input: \(source.input.rawValue), \(source.items.count) items")
        return try await FleetStage.with(
            "regions", regions: plan.regions, binary: plan.nodeBinary, source: source, scratch: scratch,
            environment: environment
        ) { stage in try await run(stage, source) }
    }

    private func run(_ stage: FleetStage, _ source: ReplaySource) async throws -> RegionOutcome {
        let places = stage.fleet.nodes.map { "\($0.settings.region) on \($0.endpoint)" }
        await say("serving: \(places.joined(separator: ", ")); files in \(scratch.path)")
        await say(
            "published \(stage.catalogue.present.count) items, \(stage.catalogue.later.count) come out on the way; "
                + "replaying at \(plan.rate) events/s for \(plan.duration)")
        let phase = try await stage.traffic.run(
            plan.replay, source: source, later: stage.catalogue.later, endsWithBody: false, progress: say
        ) { run in try await beside(stage, run) }
        let residentBytes = await stage.fleet.residentBytes()
        let verdict = try await stage.verdict(say: say)
        return RegionOutcome(
            plan: plan, input: source.input, measurement: phase.measurement, elapsed: phase.elapsed, verdict: verdict,
            kill: phase.value.kill, lag: phase.value.lag, freshness: phase.value.freshness,
            residentBytes: residentBytes)
    }

    /// Probes all the time; the kill comes in the middle.
    private func beside(_ stage: FleetStage, _ run: ReplayRun) async throws -> Beside {
        let clients = try stage.fleet.makePinnedClients()
        let probe = FreshnessProbe(clients, clock: environment.clock) { await run.file($0) }
        do {
            let outcome = try await beside(stage, probe)
            for client in clients { await client.close() }
            return outcome
        } catch {
            for client in clients { await client.close() }
            throw error
        }
    }

    private func beside(_ stage: FleetStage, _ probe: FreshnessProbe) async throws -> Beside {
        try await withThrowingTaskGroup(of: Beside.self) { group in
            group.addTask { Beside(freshness: await probe.run()) }
            group.addTask { try await story(stage) }
            // The probe ends when it is cancelled, so the story is the first to end.
            var outcome = try await group.next() ?? Beside()
            group.cancelAll()
            for try await probed in group { outcome.freshness.merge(probed.freshness) }
            return outcome
        }
    }

    private func story(_ stage: FleetStage) async throws -> Beside {
        let clock = environment.clock
        let beganAt = clock.bootTime()
        let strike = RegionStrike(stage)
        var beside = Beside()
        try await clock.sleep(for: plan.kills ? plan.duration * 0.4 : plan.duration - QuickstartLimits.lagLook)
        // Looked at before the kill: afterwards the figures of a minute have the outage in them.
        beside.lag = await stage.operators.mirrorLag()
        if plan.kills {
            let victim = Int(SeededGenerator.first(of: plan.seed) % UInt64(stage.fleet.count))
            await say("kill -9 of \(stage.fleet.name(of: victim))")
            let record = try await strike.run(victim, downtime: plan.duration * 0.15)
            beside.kill = record
            await say(
                "\(record.region) is back and has caught up; its users waited \(record.outage.gap.wholeMilliseconds) ms"
            )
        }
        try await clock.sleep(until: max(clock.bootTime(), beganAt.advanced(by: plan.duration)))
        return beside
    }
}

extension SeededGenerator {
    /// The first draw of a seed.
    static func first(of seed: UInt64) -> UInt64 {
        var generator = SeededGenerator(seed: seed)
        return generator.next()
    }
}
