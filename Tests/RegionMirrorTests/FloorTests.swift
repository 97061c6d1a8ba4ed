// S1b: floors follow what every member has published, and what lies below them leaves.

import ClusterModel
import EventLog
import Testing

@testable import RegionMirror

@Suite struct FloorTests {
    static let name = Sample.log(1).name
    static let members = [1, 2, 3].map { RegionNumber($0) }

    /// Records 10, 20, … each standing on the one before.
    static func chain(_ count: Int, from first: Int = 1) throws -> EndsChain {
        var links: [EndsLink] = []
        for number in 1...count {
            let ends =
                number == 1 ? [] : [EndsRecord.End(incarnation: Incarnation(UInt64(number - 1) * 10), end: Offset(5))]
            let record = EndsRecord(on: links.last?.point ?? .genesis, ends)
            links.append(EndsLink(number: Incarnation(UInt64(number) * 10), record: try #require(record)))
        }
        return try #require(EndsChain(Array(links[(first - 1)...])))
    }

    private func base(_ chain: EndsChain, _ place: Int) -> [LineBase] {
        [LineBase(name: Self.name, point: chain.links[place].point)]
    }

    @Test(
        "S1b, HISTORIES 23 and 24: the floor is the lowest that any member has published, and none while one is silent")
    func lowest() throws {
        let chain = try Self.chain(5)
        var reckoning = FloorReckoning(members: Self.members)
        #expect(reckoning.floor(of: Self.name, chain) == nil)
        for (member, place) in [(1, 3), (2, 1)] {
            let isMember = reckoning.onPublished(base(chain, place), by: RegionNumber(UInt16(member)))
            #expect(isMember)
        }
        #expect(reckoning.floor(of: Self.name, chain) == nil)
        #expect(reckoning.slowest(of: Self.name, chain) == RegionNumber(3))
        _ = reckoning.onPublished(base(chain, 4), by: RegionNumber(3))
        #expect(reckoning.floor(of: Self.name, chain) == chain.links[1].point)
        #expect(reckoning.slowest(of: Self.name, chain) == RegionNumber(2))
        let isStranger = reckoning.onPublished(base(chain, 4), by: RegionNumber(9))
        #expect(!isStranger)
    }

    @Test("S1b, S11: what another member has published does not die with the disk of its origin")
    func publishedElsewhere() throws {
        let chain = try Self.chain(5)
        var reckoning = FloorReckoning(members: Self.members)
        _ = reckoning.onPublished(base(chain, 4), by: RegionNumber(1))
        #expect(reckoning.publishedElsewhere(of: RegionNumber(1)).isEmpty)
        _ = reckoning.onPublished(base(chain, 1), by: RegionNumber(2))
        _ = reckoning.onPublished(base(chain, 3), by: RegionNumber(3))
        #expect(reckoning.publishedElsewhere(of: RegionNumber(1)) == [Self.name: Incarnation(40)])
        #expect(reckoning.publishedElsewhere(of: RegionNumber(2)).isEmpty)
    }

    @Test("S1b: a member's other start is taken at its own word; a base beside the chain counts for nothing")
    func reports() throws {
        let chain = try Self.chain(5)
        var reckoning = FloorReckoning(members: Self.members)
        for member in Self.members { _ = reckoning.onPublished(base(chain, 3), by: member) }
        #expect(reckoning.floor(of: Self.name, chain) == chain.links[3].point)
        _ = reckoning.onPublished([], by: RegionNumber(2), areAll: true)
        #expect(reckoning.floor(of: Self.name, chain) == nil)
        let beside = EndsPoint(number: Incarnation(40), digest: Digest128(high: 1, low: 1))
        _ = reckoning.onPublished([LineBase(name: Self.name, point: beside)], by: RegionNumber(2))
        #expect(reckoning.floor(of: Self.name, chain) == nil)
    }

    @Test("S1b: below the floor a chain leaves; the book survives a restart, and no part of it is taken for the whole")
    func book() throws {
        var book = LineageBook()
        let chain = try Self.chain(5)
        let isNews = [
            book.learn(AgreedEnds(name: Self.name, chain: chain)),
            book.learn(AgreedEnds(name: Self.name, chain: chain)),
        ]
        #expect(isNews == [true, false] && book.floor(of: Self.name) == nil)
        #expect(book.unsettled(of: RegionNumber(1))?.count == 5)
        let isMoved = book.moveFloor(of: Self.name, to: chain.links[3].point)
        let again = book.moveFloor(of: Self.name, to: chain.links[3].point)
        #expect(isMoved && !again && book.floor(of: Self.name) == chain.links[3].point)
        #expect(book.chain(of: Self.name)?.links.count == 2 && book.unsettled(of: RegionNumber(1))?.count == 1)
        let restored = try #require(LineageBook(decoding: book.encoded))
        #expect(restored == book)
        for length in 0..<book.encoded.count { #expect(LineageBook(decoding: Array(book.encoded[..<length])) == nil) }
    }

    @Test("S1b: what lies below a floor leaves a follower, a holder, cursors and damage, and does not come back")
    func leaves() throws {
        let (old, current) = (Sample.log(1, incarnation: 10), Sample.log(1, incarnation: 20))
        let chain = try Self.chain(2)
        var facts = LineageFacts()
        let isNews = facts.onAgreed(AgreedEnds(name: Self.name, chain: chain))
        #expect(isNews && facts.limit(of: old) == .ends(Offset(5)))
        facts.onFloor(LineBase(name: Self.name, point: chain.tip.point))
        #expect(facts.isBelowFloor(old) && !facts.isBelowFloor(current))
        #expect(facts.limit(of: old) == .ends(.zero) && facts.limit(of: current) == .open)
        #expect(facts.all.first?.chain.links.count == 1)
        var holder = HolderInstance()
        _ = holder.onPull(generation: 1)
        let asked = holder.plan(Sample.request([LogPoint(startOf: old)]), held: [], facts)
        // HISTORIES 27: whoever asks for what a server has dropped hears so.
        #expect(asked.steps == [.gap(old, firstAvailable: Offset(.max))])
        var table = CursorTable(origin: RegionNumber(1))
        let cursor = CursorReport.Cursor(
            region: RegionNumber(2), incarnation: Incarnation(1),
            point: LogPoint(log: old, offset: Offset(3), digest: .zero))
        _ = table.onCursor(cursor, chain: .zero)
        #expect(table.offset(of: RegionNumber(2), in: old) == Offset(3))
        table.drop(facts)
        #expect(table.offset(of: RegionNumber(2), in: old) == nil)
    }

    @Test("S1b, S5: a log that agreed ends list and nobody holds any more has left; one that somebody holds is pulled")
    func hasLeft() throws {
        let (gone, there, next) = (
            Sample.log(1, incarnation: 10), Sample.log(2, incarnation: 10), Sample.log(1, incarnation: 20)
        )
        var facts = LineageFacts()
        for log in [gone, there] { _ = facts.onAgreed(try Sample.ends(log.name, writer: 20, [(10, 5)])) }
        var follower = FollowerInstance(own: RegionNumber(2), incarnation: Incarnation(50), held: [])
        follower.onLink(RegionNumber(1), generation: 1)
        #expect(follower.left(facts).isEmpty, "nobody has said what he holds")
        var reply = PullReply(holder: RegionNumber(1), wallTime: WallTime(milliseconds: 1), generation: 1)
        let later = LogIdentity(name: there.name, incarnation: Incarnation(20))
        reply.heads = try [there, next, later].map { Sample.head(try Sample.chain($0, 1), $0) }
        _ = try follower.onReply(reply, from: RegionNumber(1), to: [], facts)
        #expect(follower.left(facts) == [gone])
        facts.onBase(EndsPoint(number: Incarnation(20), digest: .zero), of: gone.name)
        #expect(follower.left(facts).isEmpty, "the state stands on its end already")
    }
    @Test("S1b, S5: two members whose copies end at one place before the agreed end are no holders for each other")
    func endsAtOnePlace() throws {
        let (log, next) = (Sample.log(1, incarnation: 10), Sample.log(1, incarnation: 20))
        var facts = LineageFacts()
        _ = facts.onAgreed(try Sample.ends(log.name, writer: 20, [(10, 50)]))
        let held = Sample.head(try Sample.chain(log, 1), log)
        var follower = FollowerInstance(own: RegionNumber(2), incarnation: Incarnation(50), held: [held])
        follower.onLink(RegionNumber(1), generation: 1)
        for (batches, expected) in [(1, [log]), (2, [])] {
            var reply = PullReply(holder: RegionNumber(1), wallTime: WallTime(milliseconds: 1), generation: 1)
            reply.heads = [
                Sample.head(try Sample.chain(log, batches), log), Sample.head(try Sample.chain(next, 1), next),
            ]
            _ = try follower.onReply(reply, from: RegionNumber(1), to: [], facts)
            #expect(follower.left(facts) == expected, "\(batches)")
        }
    }
}
