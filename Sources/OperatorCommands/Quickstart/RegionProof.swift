// `quickstart --prove` on several regions: ten kills under load, then the returns that go wrong, then retries.

import ClusterModel
import Datasets
package import NodeEnvironment

/// The proof that regions lose nothing that they promised and count nothing twice. Each story has a fleet of its own; all
/// processes end with it.
package struct RegionProof: Sendable {
    /// How much is tried. Tests try less.
    package struct Extent: Hashable, Sendable {
        package var stories = RegionStory.Kind.allCases
        package var kills = 10
        /// Sent in all; a tenth as many events.
        package var retries = 10_000
        /// Traffic before and after what a story is about.
        package var calm: Duration = .seconds(1)

        package init() {}
    }

    let plan: QuickstartPlan
    let extent: Extent
    let scratch: ScratchDirectory
    let environment: NodeEnvironment
    let say: @Sendable (String) async -> Void

    package init(
        _ plan: QuickstartPlan, extent: Extent = Extent(), scratch: ScratchDirectory, environment: NodeEnvironment,
        say: @escaping @Sendable (String) async -> Void
    ) {
        self.plan = plan
        self.extent = extent
        self.scratch = scratch
        self.environment = environment
        self.say = say
    }

    package func run() async throws -> RegionProofOutcome {
        let source = try ReplayInput.read(plan.data, seed: plan.seed, files: environment.files)
        var outcome = RegionProofOutcome(plan: plan, input: source.input)
        var generator = SeededGenerator(seed: plan.seed)
        await say("seed \(plan.seed), \(plan.regions) regions, input \(source.input.rawValue)")
        for kind in extent.stories {
            await say("\(kind.rawValue): \(kind.explanation)")
            // Drawn for each, so that a story's moments do not depend on what the one before drew.
            var moments = SeededGenerator(seed: generator.next())
            let story = try await FleetStage.with(
                kind.rawValue, regions: plan.regions, binary: plan.nodeBinary, source: source, scratch: scratch,
                environment: environment
            ) { stage in try await tell(kind, stage, source, &moments) }
            await say("\(kind.rawValue): \(story.holds ? "holds" : "FAILED"); \(story.verdict.text)")
            outcome.stories.append(story)
        }
        return outcome
    }

    private func tell(
        _ kind: RegionStory.Kind, _ stage: FleetStage, _ source: ReplaySource, _ moments: inout SeededGenerator
    ) async throws -> RegionStory {
        switch kind {
        case .kills: try await kills(stage, source, &moments)
        case .cutOff: try await cutOff(stage, source, &moments)
        case .oldDisk: try await oldDisk(stage, source, &moments)
        case .lostDisk: try await lostDisk(stage, source, &moments)
        case .retries: try await retries(stage, &moments)
        }
    }

    /// Traffic that ends with what happens beside it.
    var load: ReplayPlan {
        var replay = plan.replay
        replay.duration = .seconds(3_600)
        return replay
    }

    // MARK: Ten kills

    private struct Moment: Sendable {
        var victim: Int
        var calm: Duration
        var downtime: Duration
    }

    private func kills(
        _ stage: FleetStage, _ source: ReplaySource, _ moments: inout SeededGenerator
    ) async throws -> RegionStory {
        let drawn = (0..<extent.kills).map { _ in
            Moment(
                victim: Int(moments.next() % UInt64(plan.regions)), calm: extent.calm * (0.2 + 1.3 * moments.share()),
                downtime: extent.calm * (0.2 + moments.share()))
        }
        let phase = try await stage.traffic.run(load, source: source, endsWithBody: true) { [environment, say] _ in
            let strike = RegionStrike(stage)
            var records: [KillRecord] = []
            for (number, moment) in drawn.enumerated() {
                try await environment.clock.sleep(for: moment.calm)
                let record = try await strike.run(moment.victim, downtime: moment.downtime)
                await say("\(number + 1)/\(drawn.count) \(record.text)")
                records.append(record)
            }
            return records
        }
        var story = RegionStory(.kills, verdict: try await stage.verdict(say: say))
        story.onPhase(phase.measurement)
        story.onKills(phase.value)
        return story
    }

    // MARK: The survivors are out of reach while the victim returns

    private func cutOff(
        _ stage: FleetStage, _ source: ReplaySource, _ moments: inout SeededGenerator
    ) async throws -> RegionStory {
        let victim = Int(moments.next() % UInt64(plan.regions))
        let alone = extent.calm * (0.5 + moments.share())
        let survivors = stage.fleet.others(than: victim).map { stage.fleet.nodes[$0] }
        let phase = try await stage.traffic.run(load, source: source, endsWithBody: true) { [environment, extent] _ in
            try await environment.clock.sleep(for: extent.calm)
            let record = try await RegionStrike(stage).run(
                victim, downtime: extent.calm / 2,
                beforeReturn: { for node in survivors { await node.freeze() } },
                afterStart: {
                    try await environment.clock.sleep(for: alone)
                    for node in survivors { await node.thaw() }
                })
            try await environment.clock.sleep(for: extent.calm / 2)
            return record
        }
        await say(phase.value.text)
        var story = RegionStory(.cutOff, verdict: try await stage.verdict(say: say))
        story.onPhase(phase.measurement)
        story.onKills([phase.value])
        return story
    }
}

extension SeededGenerator {
    /// The next draw, in 0..<1.
    mutating func share() -> Double { Double(next() >> 11) / Double(UInt64(1) << 53) }
}
