// Visits of one user, merged: every event once, in the user's order, within the limit.

import Datasets
import Testing

@testable import OperatorCommands

@Suite struct VisitBatchesTests {
    @Test func withoutMergingVisitsAreTheSources() {
        var source = ReplaySource(generated: GeneratedTraffic(seed: 3))
        var batches = VisitBatches(source, eventsPerReport: 0)
        for _ in 0..<100 { #expect(batches.nextStep() == source.nextStep()) }
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func mergedVisitsHoldTheSameEvents(seed: UInt64) {
        var source = ReplaySource(generated: GeneratedTraffic(seed: seed))
        var batches = VisitBatches(source, eventsPerReport: 32)
        var merged: [String: [RecordedInteraction]] = [:]
        var profiles: [String: RecordedProfile] = [:]
        var steps = 0
        while steps < 2_000 {
            let step = batches.nextStep()
            steps += 1
            #expect(!step.interactions.isEmpty && step.interactions.count <= 32, "seed \(seed)")
            merged[step.userID, default: []] += step.interactions
            profiles[step.userID] = step.profile ?? profiles[step.userID]
        }
        var plain: [String: [RecordedInteraction]] = [:]
        for _ in 0..<32 * 256 {
            let step = source.nextStep()
            plain[step.userID, default: []] += step.interactions
        }
        // What was handed out so far begins as the source's visits of that user do.
        for (user, events) in merged {
            let expected = plain[user, default: []]
            #expect(Array(expected.prefix(events.count)) == events, "seed \(seed), \(user)")
            #expect(profiles[user] != nil, "seed \(seed), \(user)")
        }
    }
}
