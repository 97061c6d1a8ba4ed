// Which ends an origin's writer makes of all members' seals (S1a).

import ClusterModel
import EventLog
import Testing

@testable import RegionMirror

@Suite struct EndsAgreementTests {
    let name = Sample.log(1).name
    static let members = [1, 2, 3].map { RegionNumber($0) }

    func length(_ incarnation: UInt64, _ end: UInt64, digest: UInt64 = 1) -> LogPoint {
        LogPoint(
            log: Sample.log(1, incarnation: incarnation), offset: Offset(end), digest: Digest128(high: 0, low: digest))
    }

    func agreement(
        below incarnation: UInt64, _ answers: [SealAnswer]
    ) -> EndsAgreement {
        var agreement = EndsAgreement(
            origin: RegionNumber(1), incarnation: Incarnation(incarnation), members: Self.members)
        for (member, answer) in zip(Self.members, answers) { agreement.onAnswer(answer, of: member) }
        return agreement
    }

    func ends(_ record: EndsRecord?) -> [[UInt64]]? {
        record.map { $0.ends.map { [$0.incarnation.rawValue, $0.end.rawValue] } }
    }

    @Test("S1a: the longest sealed copy of each older incarnation, whoever holds it; the writer's own is none")
    func longestCopy() throws {
        let agreement = agreement(
            below: 9,
            [
                SealAnswer(lengths: [length(7, 4), length(9, 50)], agreed: []),
                SealAnswer(lengths: [length(7, 6, digest: 2), length(8, 3)], agreed: []),
                SealAnswer(lengths: [], agreed: []),
            ])
        #expect(try ends(agreement.ends(of: name)) == [[7, 6], [8, 3]])
        #expect(try ends(agreement.ends(of: Sample.log(2).name)) == [])
    }

    @Test("S1a: a member that is missing blocks; a stranger's answer does not count")
    func blocks() throws {
        var agreement = agreement(below: 9, [SealAnswer(lengths: [length(7, 4)], agreed: [])])
        agreement.onAnswer(SealAnswer(lengths: [length(7, 99)], agreed: []), of: RegionNumber(8))
        #expect(agreement.missing == [2, 3].map { RegionNumber($0) })
        #expect(try agreement.ends(of: name) == nil)
        for member in agreement.missing { agreement.onAnswer(SealAnswer(lengths: [], agreed: []), of: member) }
        #expect(try ends(agreement.ends(of: name)) == [[7, 4]])
    }

    @Test("S1a: a member that seals again is taken at its last word")
    func lastWord() throws {
        let empty = SealAnswer(lengths: [], agreed: [])
        var agreement = agreement(below: 9, [SealAnswer(lengths: [length(7, 4)], agreed: []), empty, empty])
        agreement.onAnswer(SealAnswer(lengths: [length(7, 2)], agreed: []), of: RegionNumber(1))
        #expect(try ends(agreement.ends(of: name)) == [[7, 2]])
    }

    @Test("S1a, HISTORIES 1: an end agreed before stands, also where a longer copy has come back")
    func agreedBefore() throws {
        let known = try Sample.ends(name, writer: 8, [(6, 3)])
        let agreement = agreement(
            below: 9,
            [
                // The old disk is back: incarnation 6 beyond its end, and 7, which the record did not list.
                SealAnswer(lengths: [length(6, 40), length(7, 5), length(8, 12)], agreed: []),
                SealAnswer(lengths: [length(6, 3, digest: 2), length(8, 10, digest: 2)], agreed: [known]),
                SealAnswer(lengths: [], agreed: []),
            ])
        let record = try #require(try agreement.ends(of: name))
        #expect(ends(record) == [[6, 3], [8, 12]] && record.on == .genesis)
        #expect(record.end(of: Incarnation(7)) == .zero)
    }

    /// `members` stand on these records; all of a chain that each knows.
    private func bases(_ points: [EndsPoint]) -> [LineBase] { points.map { LineBase(name: name, point: $0) } }

    private func link(_ number: UInt64, on: EndsPoint, _ ends: [(UInt64, UInt64)]) throws -> EndsLink {
        let record = EndsRecord(on: on, ends.map { .init(incarnation: Incarnation($0.0), end: Offset($0.1)) })
        return EndsLink(number: Incarnation(number), record: try #require(record))
    }

    @Test("S1a, HISTORIES 2 and 6: the record stands on the highest sealed base and lists nothing below it")
    func standsOnTheHighestBase() throws {
        let first = try link(7, on: .genesis, [(6, 9)])
        let second = try link(8, on: first.point, [(7, 2)])
        let chain = AgreedEnds(name: name, chain: try #require(EndsChain([first, second])))
        let agreement = agreement(
            below: 10,
            [
                // An old disk: it holds more of 6 and of 7, and has heard nothing.
                SealAnswer(lengths: [length(6, 80), length(7, 30)], agreed: []),
                SealAnswer(lengths: [length(7, 2)], agreed: [chain], bases: bases([first.point])),
                SealAnswer(lengths: [length(8, 4), length(9, 1)], agreed: [chain], bases: bases([second.point])),
            ])
        let record = try #require(try agreement.ends(of: name))
        #expect(record.on == second.point && ends(record) == [[8, 4], [9, 1]])
    }

    @Test("S1a: a record that was heard and that no state stands on cuts what it names, and is passed over")
    func honoursWhatWasHeard() throws {
        let first = try link(7, on: .genesis, [(6, 9)])
        let second = try link(8, on: first.point, [(7, 2)])
        let heard = AgreedEnds(name: name, chain: try #require(EndsChain([first, second])))
        let agreement = agreement(
            below: 10,
            [
                SealAnswer(lengths: [length(7, 30)], agreed: [heard], bases: bases([first.point])),
                SealAnswer(lengths: [length(7, 5)], agreed: [], bases: bases([first.point])),
                SealAnswer(lengths: [length(9, 1)], agreed: []),
            ])
        let record = try #require(try agreement.ends(of: name))
        #expect(record.on == first.point && ends(record) == [[7, 2], [9, 1]])
    }

    @Test("JF-9, S1a: an agreed end whose last holders lost their disks is lowered to what is held")
    func lowersWhatNobodyHolds() throws {
        let first = try link(7, on: .genesis, [(6, 9)])
        let heard = AgreedEnds(name: name, chain: try #require(EndsChain([first])))
        let agreement = agreement(
            below: 9,
            [
                SealAnswer(lengths: [length(6, 4)], agreed: [heard]), SealAnswer(lengths: [], agreed: []),
                SealAnswer(lengths: [length(7, 3)], agreed: []),
            ])
        let record = try #require(try agreement.ends(of: name))
        #expect(record.on == .genesis && ends(record) == [[6, 4], [7, 3]])
    }

    @Test("S1a: a state that stands beside the chain counts only where none stands on it")
    func statesBesideTheChain() throws {
        let first = try link(7, on: .genesis, [(6, 9)])
        let other = try link(8, on: .genesis, [(6, 9)])
        let chain = AgreedEnds(name: name, chain: try #require(EndsChain([other])))
        let empty = SealAnswer(lengths: [], agreed: [])
        let beside = SealAnswer(lengths: [length(7, 4)], agreed: [], bases: bases([first.point]))
        let on = SealAnswer(lengths: [length(8, 2)], agreed: [chain], bases: bases([other.point]))
        let mixed = try #require(try agreement(below: 9, [beside, on, empty]).ends(of: name))
        #expect(mixed.on == other.point && ends(mixed) == [[8, 2]])
        let told = SealAnswer(lengths: [length(8, 2)], agreed: [chain], bases: bases([first.point]))
        let alone = try #require(try agreement(below: 9, [beside, told, told]).ends(of: name))
        #expect(alone.on == first.point && alone.ends.allSatisfy { $0.incarnation >= Incarnation(7) })
    }

    @Test("S1a: ends that a newer incarnation agreed on are not carried by an older writer")
    func newerWriter() throws {
        let newer = try Sample.ends(name, writer: 12, [(7, 1)])
        let empty = SealAnswer(lengths: [], agreed: [])
        let agreement = agreement(
            below: 9, [SealAnswer(lengths: [length(7, 4)], agreed: [newer]), empty, empty])
        #expect(try ends(agreement.ends(of: name)) == [[7, 4]])
    }

    @Test("S1: two chains of one incarnation are refused where they show, and stop that log alone")
    func twoChains() throws {
        let empty = SealAnswer(lengths: [], agreed: [])
        let forked = agreement(
            below: 9,
            [
                SealAnswer(lengths: [length(7, 4, digest: 1)], agreed: []),
                SealAnswer(lengths: [length(7, 4, digest: 2)], agreed: []), empty,
            ])
        let error = #expect(throws: MirrorError.self) { try forked.ends(of: name) }
        #expect(error?.code == .otherChain)
        // Other logs are agreed on all the same.
        #expect(try ends(forked.ends(of: Sample.log(2).name)) == [])
    }

    @Test("more incarnations than a record holds are refused")
    func tooMany() {
        let lengths = (0...EndsRecord.maxEnds).map { length(UInt64($0), 1) }
        let empty = SealAnswer(lengths: [], agreed: [])
        let agreement = agreement(
            below: 1 << 20, [SealAnswer(lengths: lengths, agreed: []), empty, empty])
        let error = #expect(throws: MirrorError.self) { try agreement.ends(of: name) }
        #expect(error?.code == .tooManyIncarnations)
    }
}
