// Regions compare at a common vector (S10): what one answer after the other shows, and the exit code of it.

import Testing

@testable import OperatorCommands

@Suite struct RegionComparisonTests {
    private typealias Partition = DigestReport.Partition
    private typealias Entry = DigestReport.Entry

    private static func partition(
        _ number: UInt32, at next: [UInt64], digest: String = "d", version: UInt32 = 1
    ) -> Partition {
        Partition(
            partition: number, applyVersion: version,
            vector: next.enumerated().map { Entry(region: UInt32($0.offset + 1), incarnation: 7, next: $0.element) },
            digest: digest, users: 1)
    }

    private static func answer(_ regions: [Partition]...) -> [DigestReport] {
        regions.enumerated().map { place, partitions in
            var report = DigestReport(region: UInt32(place + 1), partitions: partitions)
            report.content = partition(0, at: [1])
            return report
        }
    }

    /// Users were compared and content was not: regions that served different catalogues were said to be equal.
    @Test func s10DifferentCataloguesAtOneVectorDoNotHold() {
        var answer = Self.answer([Self.partition(0, at: [3])], [Self.partition(0, at: [3])])
        #expect(Self.compared(answer).status == .success && Self.compared(answer).content == .equal)
        answer[1].content?.digest = "e"
        let comparison = Self.compared(answer)
        #expect(comparison.status == .doesNotHold && comparison.next.isEmpty)
        #expect(comparison.answer.text.contains(#""digests_equal":false,"content_equal":false"#))
        #expect(comparison.summary.contains("DIFFERENT at equal vectors: content"))
    }

    @Test func s10ACatalogueThatWasNotComparedIsNamedAndAskedForAgain() {
        var answer = Self.answer([Self.partition(0, at: [3])], [Self.partition(0, at: [3])])
        answer[1].content = Self.partition(0, at: [2], digest: "e")
        var comparison = Self.compared(answer)
        #expect(comparison.status == .inconclusive && comparison.open.isEmpty && comparison.next == [0])
        #expect(comparison.summary.contains("not compared, vectors differ: content"))
        answer[1].content = nil
        #expect(Self.compared(answer).summary.contains("not compared, not in every answer: content"))
        comparison.onAnswer(Self.answer([Self.partition(0, at: [4])], [Self.partition(0, at: [4])]))
        #expect(comparison.status == .success)
    }

    private static func compared(_ answers: [DigestReport]...) -> RegionComparison {
        answers.reduce(into: RegionComparison()) { $0.onAnswer($1) }
    }

    @Test func s10EqualVectorsAndDigestsAreEqual() {
        let comparison = Self.compared(
            Self.answer([Self.partition(0, at: [3, 4])], [Self.partition(0, at: [3, 4])]))
        #expect(comparison.status == .success && comparison.equal == [0] && comparison.open.isEmpty)
    }

    @Test func s10DifferentDigestsAtOneVectorDoNotHold() {
        let comparison = Self.compared(
            Self.answer(
                [Self.partition(0, at: [3, 4]), Self.partition(1, at: [1])],
                [Self.partition(0, at: [3, 4], digest: "e"), Self.partition(1, at: [1])]))
        #expect(comparison.status == .doesNotHold && comparison.different == [0] && comparison.equal == [1])
        #expect(comparison.answer.text.contains(#""digests_equal":false"#))
        #expect(comparison.summary.contains("DIFFERENT at equal vectors: partitions 0"))
    }

    /// Two of three regions at one vector are enough to show that something is wrong.
    @Test func s10AnyPairAtOneVectorShowsADifference() {
        let comparison = Self.compared(
            Self.answer(
                [Self.partition(0, at: [3])], [Self.partition(0, at: [9])],
                [Self.partition(0, at: [3], digest: "e")]))
        #expect(comparison.status == .doesNotHold)
    }

    /// The logs' own records move vectors and change no state.
    @Test func s10EqualStatesAtDifferentVectorsAreEqual() {
        let comparison = Self.compared(
            Self.answer([Self.partition(0, at: [3, 4])], [Self.partition(0, at: [2, 5])]))
        #expect(comparison.status == .success)
    }

    @Test func s10DifferentVectorsShowNothingUntilTheyMeet() {
        var comparison = Self.compared(
            Self.answer([Self.partition(0, at: [3])], [Self.partition(0, at: [2], digest: "e")]))
        #expect(comparison.status == .inconclusive && comparison.open == [0])
        #expect(comparison.answer.text.contains(#""digests_equal":null"#))
        #expect(comparison.summary.contains("not compared, vectors differ: partitions 0"))
        comparison.onAnswer(Self.answer([Self.partition(0, at: [3])], [Self.partition(0, at: [3])]))
        #expect(comparison.status == .success && comparison.attempts == 2)
    }

    /// What is decided stays decided, although its partition is not asked for again, and is still shown.
    @Test func s10EachPartitionIsDecidedByItself() {
        let comparison = Self.compared(
            Self.answer(
                [Self.partition(0, at: [1]), Self.partition(1, at: [5])],
                [Self.partition(0, at: [1]), Self.partition(1, at: [4], digest: "e")]),
            Self.answer([Self.partition(1, at: [6], digest: "f")], [Self.partition(1, at: [6], digest: "f")]))
        #expect(comparison.status == .success && comparison.equal == [0, 1])
        #expect(comparison.regions.map { $0.partitions.map(\.partition) } == [[0, 1], [0, 1]])
        #expect(comparison.regions[1].partitions[1].digest == "f")
    }

    @Test func aSilentRegionIsNotEqual() {
        var answer = Self.answer([Self.partition(0, at: [1])], [Self.partition(0, at: [1])], [])
        answer[2].failure = "timed out"
        let comparison = Self.compared(answer)
        #expect(comparison.status == .unreachable && comparison.equal == [0])
        #expect(comparison.answer.text.contains(#""silent_regions":["region 3"]"#))
        answer[1].partitions[0].digest = "e"
        #expect(Self.compared(answer).status == .doesNotHold, "a difference outweighs silence")
    }

    /// S3: digests compare only at equal versions of `apply`.
    @Test func s3VersionsOfApplyAreNotCompared() {
        let comparison = Self.compared(
            Self.answer([Self.partition(0, at: [1])], [Self.partition(0, at: [1], digest: "e", version: 2)]))
        #expect(comparison.status == .inconclusive)
        #expect(comparison.undecided[0] == .applyVersionsDiffer)
    }

    @Test func aPartitionThatOneRegionDoesNotHoldIsUndecided() {
        let comparison = Self.compared(Self.answer([Self.partition(0, at: [1])], []))
        #expect(comparison.status == .inconclusive && comparison.undecided[0] == .missing)
    }

    @Test func nothingToCompareShowsNothing() {
        #expect(Self.compared(Self.answer([], [])).status == .inconclusive)
        #expect(Self.compared(Self.answer([Self.partition(0, at: [1])])).status == .success, "a region that is alone")
    }

    /// A4: a lone region is equal to nothing, one that heard one of two has compared nothing, and what falls out of answers is open.
    @Test func a4NothingIsEqualToWhatWasNotCompared() {
        let alone = Self.compared(Self.answer([Self.partition(0, at: [1])]))
        #expect(alone.answer.text.contains(#""digests_equal":null"#) && alone.equal.isEmpty)
        #expect(alone.summary.contains("nothing to compare"))
        var half = Self.answer([Self.partition(0, at: [1])], [])
        half[1].failure = "other terms"
        let halved = Self.compared(half)
        #expect(halved.status == .unreachable && halved.equal.isEmpty)
        let lost = Self.compared(
            Self.answer([Self.partition(0, at: [3])], [Self.partition(0, at: [2], digest: "e")]), Self.answer([], []))
        #expect(lost.status == .inconclusive && lost.open == [0])
        let wider = Self.compared(
            Self.answer([Self.partition(0, at: [1])], [Self.partition(0, at: [1]), Self.partition(1, at: [1])]))
        #expect(wider.status == .inconclusive && wider.open == [1], "one region has more partitions")
    }

    /// S1a: order, repetition and entries at 0 do not make vectors different.
    @Test func s1aVectorsCompareInNormalForm() {
        var one = Self.partition(0, at: [3, 4])
        var other = one
        other.digest = "e"
        other.vector = [
            Entry(region: 2, incarnation: 7, next: 4), Entry(region: 1, incarnation: 7, next: 2),
            Entry(region: 1, incarnation: 7, next: 3), Entry(region: 3, incarnation: 9, next: 0),
        ]
        #expect(one.normalVector == other.normalVector)
        #expect(Self.compared(Self.answer([one], [other])).status == .doesNotHold)
        one.vector.append(Entry(region: 1, incarnation: 8, next: 1))
        #expect(Self.compared(Self.answer([one], [other])).status == .inconclusive, "another incarnation counts")
    }

    /// S10 as a property. Each origin's log is a fixed row of events and own records; a region's state counts the events
    /// of the prefixes that it applied. Such states are never called different, however far apart regions are, and equal
    /// once all stand at the ends; a region that lost one event is never called equal, and is found there.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func s10ComparisonsAreSound(seed: UInt64) {
        var random = Generator(seed: seed)
        let regions = 2 + Int(random.next() % 3)
        let logs = (0..<regions).map { _ in (0..<12).map { _ in random.next() % 3 == 0 } }
        let losesOne = random.next() % 2 == 0
        var applied = [[Int]](repeating: [Int](repeating: 1, count: regions), count: regions)
        var comparison = RegionComparison()
        for round in 0..<8 {
            for region in 0..<regions {
                for log in 0..<regions {
                    let left = 12 - applied[region][log]
                    applied[region][log] += round == 7 ? left : Int(random.next() % UInt64(left + 1)) / 2
                }
            }
            comparison.onAnswer(
                (0..<regions).map { region in
                    let counts = logs.indices.map { logs[$0].prefix(applied[region][$0]).count { $0 } }
                    let isLoser = losesOne && region == regions - 1
                    let digest = "\(counts)" + (isLoser ? " less one" : "")
                    var report = DigestReport(
                        region: UInt32(region),
                        partitions: [Self.partition(0, at: applied[region].map(UInt64.init), digest: digest)])
                    report.content = Self.partition(0, at: [1])
                    return report
                })
            if losesOne { #expect(comparison.equal.isEmpty, "seed \(seed)") }
        }
        #expect(comparison.status == (losesOne ? .doesNotHold : .success), "seed \(seed)")
    }

    private struct Generator: RandomNumberGenerator {
        private var state: UInt64

        init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 1 }

        mutating func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
    }
}
