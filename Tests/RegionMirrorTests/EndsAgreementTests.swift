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
        #expect(ends(record) == [[6, 3], [8, 12]])
        #expect(record.end(of: Incarnation(7)) == .zero)
    }

    @Test("S1a, HISTORIES 2 and 6: of several records known the newest writer's stands, whoever tells it")
    func newestRecord() throws {
        let first = try Sample.ends(name, writer: 7, [(6, 9)])
        let second = try Sample.ends(name, writer: 8, [(6, 9), (7, 2)])
        let agreement = agreement(
            below: 10,
            [
                SealAnswer(lengths: [length(7, 30)], agreed: [first]), SealAnswer(lengths: [], agreed: [second]),
                SealAnswer(lengths: [length(8, 4), length(9, 1)], agreed: []),
            ])
        #expect(try ends(agreement.ends(of: name)) == [[6, 9], [7, 2], [8, 4], [9, 1]])
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
