// Generated traffic: a function of its seed, with the shape it promises.

import NodeEnvironment
import Testing

@testable import Datasets

@Suite struct GeneratedTrafficTests {
    private func steps(seed: UInt64, count: Int) -> [ReplayStep] {
        var source = ReplaySource(generated: GeneratedTraffic(seed: seed))
        return (0..<count).map { _ in source.nextStep() }
    }

    @Test func aSeedGivesOneStream() {
        #expect(steps(seed: 7, count: 200) == steps(seed: 7, count: 200))
        #expect(steps(seed: 7, count: 200) != steps(seed: 8, count: 200))
        #expect(GeneratedTraffic(seed: 7).items == GeneratedTraffic(seed: 7).items)
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func stepsKeepTheirBounds(seed: UInt64) {
        let known = Set(GeneratedTraffic(seed: seed).items.map(\.id))
        let stream = steps(seed: seed, count: 2_000)
        for step in stream {
            #expect((1...16).contains(step.interactions.count), "seed \(seed)")
            #expect(step.interactions.allSatisfy { known.contains($0.contentID) }, "seed \(seed)")
        }
        var greeted: Set<String> = []
        for step in stream { #expect(greeted.insert(step.userID).inserted == (step.profile != nil), "seed \(seed)") }
    }

    @Test func popularItemsArePopular() {
        var generator = SeededGenerator(seed: 3)
        let zipf = ZipfDistribution(count: 100, exponent: 1)
        var counts = Array(repeating: 0, count: 100)
        for _ in 0..<50_000 { counts[zipf.rank(using: &generator)] += 1 }
        // Of 50,000 draws the first rank expects 9,638 (1 / H(100)), the tenth a tenth of them.
        #expect((9_000...10_300).contains(counts[0]))
        #expect((750...1_200).contains(counts[9]))
    }
}
