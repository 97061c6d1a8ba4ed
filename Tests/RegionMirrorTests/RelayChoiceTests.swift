// Whom to ask for a log that several regions hold.

import ClusterModel
import NodeEnvironment
import Testing

@testable import RegionMirror

@Suite struct RelayChoiceTests {
    let log = Sample.log(1, region: 1)

    func choose(_ copies: [(UInt16, UInt64)], at position: UInt64 = 0, before: UInt16? = nil) -> UInt16? {
        RelayChoice.choose(
            copies.map { HeldCopy(holder: RegionNumber($0.0), end: Offset($0.1)) }, for: log,
            position: Offset(position), before: before.map { RegionNumber($0) })?.rawValue
    }

    @Test("the origin comes first, while it has more than we have")
    func prefersTheOrigin() {
        #expect(choose([(1, 5), (2, 9), (3, 7)]) == 1)
        #expect(choose([(3, 7), (2, 9), (1, 5)], before: 2) == 1)
    }

    @Test("S1: an origin that lost its tail is passed over for whoever has more")
    func prefersWhoHasMore() {
        #expect(choose([(1, 5), (2, 9)], at: 5) == 2)
        #expect(choose([(1, 0), (2, 3), (3, 9)]) == 3)
        #expect(choose([(1, 5), (2, 5)], at: 5, before: 2) == 1)
    }

    @Test("without an origin: who was asked before, then the longest copy, then the lowest number")
    func sticksToOne() {
        #expect(choose([(2, 9), (3, 7)]) == 2)
        #expect(choose([(2, 9), (3, 7)], before: 3) == 3)
        #expect(choose([(2, 9), (3, 7)], at: 7, before: 3) == 2)
        #expect(choose([(3, 7), (2, 7)]) == 2)
        #expect(choose([]) == nil)
    }

    @Test("S8: who still has the place where we stand comes before who trimmed it")
    func prefersWhole() {
        let trimmed = HeldCopy(holder: RegionNumber(1), end: Offset(9), isWhole: false)
        let whole = HeldCopy(holder: RegionNumber(2), end: Offset(7))
        let choose = { (copies: [HeldCopy], position: UInt64) in
            RelayChoice.choose(copies, for: log, position: Offset(position), before: nil)?.rawValue
        }
        #expect(choose([trimmed, whole], 0) == 2)
        #expect(choose([trimmed, whole], 7) == 1)
        #expect(choose([trimmed], 0) == 1)
    }

    @Test("every order of the copies gives the same choice")
    func ignoresTheOrder() {
        let seed: UInt64 = 20_261_126
        var generator = SeededGenerator(seed: seed)
        for round in 0..<500 {
            let copies = (UInt16(1)...4).filter { _ in generator.next() % 3 > 0 }.map { ($0, generator.next() % 4) }
            let before = generator.next() % 2 == 0 ? nil : UInt16(generator.next() % 5)
            let position = generator.next() % 4
            let choice = choose(copies, at: position, before: before)
            #expect(choose(copies.shuffled(using: &generator), at: position, before: before) == choice)
            // Whoever is chosen has more than we have, unless nobody has.
            let ends = copies.first { $0.0 == choice }.map(\.1) ?? 0
            #expect(ends > position || copies.allSatisfy { $0.1 <= position }, "seed \(seed) round \(round)")
        }
    }
}
