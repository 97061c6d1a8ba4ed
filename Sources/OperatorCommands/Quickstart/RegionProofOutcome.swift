// What `quickstart --prove` on several regions ends with.

import ClusterModel
package import Datasets

/// All stories, and the keys of INTERFACES over them.
package struct RegionProofOutcome: Sendable {
    package let plan: QuickstartPlan
    package let input: ReplaySource.Input
    package var stories: [RegionStory] = []

    package init(plan: QuickstartPlan, input: ReplaySource.Input) {
        self.plan = plan
        self.input = input
    }

    package var holds: Bool { !stories.isEmpty && stories.allSatisfy(\.holds) }

    /// The keys of the command's JSON object.
    package var answer: JSONValue {
        var latency = LatencyHistogram()
        for story in stories { latency.merge(story.latency) }
        // Where the others are cut off too, users wait by design: that story shows something else.
        let kills = stories.filter { $0.kind == .kills }.flatMap(\.kills)
        return .object([
            "verdict": .string(holds ? "passed" : "failed"), "regions": .count(plan.regions),
            "input": .string(input.rawValue), "seed": .count(plan.seed),
            "requests": .count(stories.map(\.requests).reduce(0, +)),
            "events_acknowledged": .count(stories.map(\.verdict.acknowledged).reduce(0, +)),
            "events_lost": .count(stories.map(\.verdict.lost.count).reduce(0, +)),
            "events_duplicated": .count(stories.map(\.verdict.duplicated).reduce(0, +)),
            "digests_equal": .boolean(stories.allSatisfy(\.verdict.digestsEqual)),
            "rto_ms": .count((kills.map(\.outage.gap).max() ?? .zero).wholeMilliseconds),
            "rpo_events_local": .count(kills.map(\.point.local.count).max() ?? 0),
            "rpo_events_remote": .count(kills.map(\.point.remote.count).max() ?? 0),
            "latency_p50_us": .count(latency.quantileMicroseconds(0.5)),
            "latency_p99_us": .count(latency.quantileMicroseconds(0.99)), "freshness_p99_ms": .null,
            "mirror_lag_p99_ms": .null, "kills": .array(kills.map(\.answer)),
            "stories": .array(stories.map(\.answer)),
        ])
    }

    package var text: String {
        var lines = ["", "seed \(plan.seed), \(plan.regions) regions, input \(input.rawValue)"]
        for story in stories {
            lines.append("\(story.kind.rawValue): \(story.verdict.text)")
            for (number, kill) in story.kills.enumerated() { lines.append("  \(number + 1). \(kill.text)") }
            if story.kind == .lostDisk {
                lines.append("  \(story.tail) un-mirrored events went with the disk, and their sessions were told")
            }
            if story.kind == .retries {
                lines.append(
                    "  \(story.sends) sends of \(story.verdict.acknowledged) events, \(story.known) known already")
            }
            lines += story.allComplaints.map { "  FAILED: \($0)" }
        }
        lines.append(holds ? "PASSED" : "FAILED")
        return lines.joined(separator: "\n")
    }
}
