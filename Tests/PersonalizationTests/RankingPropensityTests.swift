// Propensities are exact: what the policy says of each slot is how often it does it, over the seeds of requests.

import ClusterModel
import NodeEnvironment
import Testing

@testable import Personalization

@Suite struct RankingPropensityTests {
    private struct Place: Hashable {
        var slot: UInt16
        var id: String
    }

    /// Counts how often each item stands in each slot, and compares with what slates said of it.
    private static func check(
        items: Int, count: Int, epsilon: Double, seeds: Int, history: UserState? = nil
    ) throws {
        let catalogue = ContentSamples.catalogue(
            try (0..<items).map {
                try ContentSamples.item("item-\($0)", category: "category-\($0 % 4)", hoursOld: $0 + 1)
            })
        let policy = SlatePolicy(epsilon: epsilon)
        var scratch = RankingScratch()
        var seen: [Place: Int] = [:]
        var said: [Place: Float32] = [:]
        for seed in 0..<seeds {
            let slate = policy.slate(
                for: ContentSamples.query(count: count, seed: UInt64(seed)), user: history, catalogue: catalogue,
                popularity: PopularitySnapshot(), scratch: &scratch)
            #expect(slate.items.count == min(count, items))
            for item in slate.items {
                let place = Place(slot: item.slot, id: item.contentID)
                seen[place, default: 0] += 1
                // One place has one propensity, whatever the seed.
                #expect(said[place, default: item.propensity] == item.propensity, "seed \(seed), \(place)")
                said[place] = item.propensity
            }
        }
        for (place, times) in seen {
            let propensity = Double(said[place] ?? 0)
            let spread = (propensity * (1 - propensity) * Double(seeds)).squareRoot()
            let distance = (Double(times) - propensity * Double(seeds)).magnitude
            // Five standard deviations, and one more for what is rare.
            #expect(distance <= 5 * spread + 3, "\(place): \(times) of \(seeds), propensity \(propensity)")
        }
        for slot in 0..<min(count, items) {
            let sum = said.filter { $0.key.slot == UInt16(slot) }.reduce(0.0) { $0 + Double($1.value) }
            #expect(abs(sum - 1) < 1e-5, "slot \(slot): the propensities add up to \(sum)")
        }
    }

    @Test func aSlateShorterThanTheCandidates() throws {
        try Self.check(items: 12, count: 5, epsilon: 0.1, seeds: 6_000)
    }

    @Test func aSlateOfAllCandidates() throws {
        try Self.check(items: 6, count: 10, epsilon: 0.3, seeds: 3_000)
    }

    @Test func aSlateThatRepeatsFillUp() throws {
        let history = ContentSamples.history([
            (.impression, "item-1", "category-1"), (.click, "item-4", "category-0"),
        ])
        try Self.check(items: 7, count: 7, epsilon: 0.5, seeds: 3_000, history: history)
    }

    @Test func withoutExplorationAllIsCertain() throws {
        try Self.check(items: 12, count: 5, epsilon: 0, seeds: 50)
    }

    @Test func explorationAlwaysIsUniform() throws {
        try Self.check(items: 8, count: 3, epsilon: 1, seeds: 4_000)
    }

    @Test func oneItemIsCertain() throws {
        try Self.check(items: 1, count: 3, epsilon: 0.5, seeds: 50)
    }

    /// The formula against the enumeration of all that can happen.
    @Test(arguments: 1...6, 1...6) func theFormulaIsTheEnumeration(preferred: Int, count: Int) {
        // B holds min(count, preferred + 2) items, the preferred ones first; two repeats fill up.
        let size = min(count, preferred + 2)
        let exploration = Exploration(
            epsilon: 0.25, preferred: preferred, preferredInSlate: min(preferred, size))
        for slot in 0..<size {
            var probability: [Int: Double] = [:]
            for first in -1..<preferred {
                let weight = first < 0 ? 0.75 : 0.25 / Double(preferred)
                let head = max(0, first)
                let slate = ([head] + (0..<size).filter { $0 != head }).prefix(size)
                probability[slate[slot], default: 0] += weight
            }
            for (item, expected) in probability {
                let said =
                    slot == 0
                    ? exploration.propensity(ofFirst: item == 0)
                    : exploration.propensity(at: slot, isInPlace: item == slot)
                #expect(abs(said - expected) < 1e-12, "m \(preferred), count \(count), slot \(slot), item \(item)")
            }
        }
    }
}
