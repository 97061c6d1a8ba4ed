// S1a, S1b: chains of ends records, as they are heard, met, cut off below a floor, and asked.

import ClusterModel
import Testing

@testable import EventLog

@Suite struct EndsChainTests {
    static func link(
        _ number: UInt64, on: EndsPoint = .genesis, _ ends: [(UInt64, UInt64)] = []
    ) throws -> EndsLink {
        let record = EndsRecord(on: on, ends.map { .init(incarnation: Incarnation($0.0), end: Offset($0.1)) })
        return EndsLink(number: Incarnation(number), record: try #require(record))
    }

    /// Records 10, 20, … of which each lists the one before it with the end 5.
    private static func chain(_ count: Int) throws -> EndsChain {
        var links = [try link(10)]
        for number in 2..<UInt64(count + 1) {
            links.append(try link(number * 10, on: links[links.count - 1].point, [((number - 1) * 10, 5)]))
        }
        return try #require(EndsChain(links))
    }

    @Test("S1a: a record's digest covers its number, what it stands on and its ends") func digests() throws {
        let one = try Self.link(10, [(3, 4)])
        for other in [
            try Self.link(11, [(3, 4)]), try Self.link(10, [(3, 5)]), try Self.link(10, [(2, 4)]),
            try Self.link(10, on: EndsPoint(number: Incarnation(1), digest: .zero), [(3, 4)]),
        ] { #expect(other.point.digest != one.point.digest) }
        #expect(try Self.link(10, [(3, 4)]).point == one.point)
        #expect(EndsRecord(on: one.point, [.init(incarnation: Incarnation(9), end: .zero)]) == nil)
    }

    @Test("S1a: links stand on each other, or they are no chain") func links() throws {
        let chain = try Self.chain(4)
        #expect(EndsChain([]) == nil)
        #expect(EndsChain([chain.links[0], chain.links[2]]) == nil)
        #expect(EndsChain([chain.links[1], chain.links[0]]) == nil)
        #expect(EndsChain(try Self.link(3, on: EndsPoint(number: Incarnation(3), digest: .zero))) == nil)
        #expect(chain.contains(.genesis) && chain.contains(chain.links[2].point))
        #expect(!chain.contains(EndsPoint(number: Incarnation(20), digest: .zero)))
    }

    @Test("S1a: each incarnation's end is that of the record above it; below the root nothing is known")
    func ends() throws {
        var chain = try Self.chain(4)
        #expect([10, 20, 30].map { chain.end(of: Incarnation($0)) } == [Offset(5), Offset(5), Offset(5)])
        #expect([1, 15, 39].map { chain.end(of: Incarnation($0)) } == [.zero, .zero, .zero])
        #expect(chain.end(of: Incarnation(40)) == nil && chain.end(of: Incarnation(99)) == nil)
        let isPruned = chain.prune(to: chain.links[2].point)
        #expect(isPruned && chain.links.count == 2 && chain.root.number == Incarnation(20))
        // What may not be pulled any more.
        #expect(chain.end(of: Incarnation(10)) == .zero && chain.end(of: Incarnation(20)) == Offset(5))
        #expect(chain.point(atOrBelow: Incarnation(19)) == nil)
        #expect(chain.point(atOrBelow: Incarnation(35)) == chain.first.point)
        let again = chain.prune(to: .genesis)
        #expect(!again)
    }

    @Test("S1a: the highest number wins, and what both know below it stays; a floor does not move by hearsay (S1b)")
    func merges() throws {
        let long = try Self.chain(5)
        let short = try #require(EndsChain(Array(long.links[..<3])))
        let tail = try #require(EndsChain(Array(long.links[2...])))
        var heard = short
        let outcomes = [heard.merge(tail), heard.merge(tail), heard.merge(short)]
        #expect(outcomes == [true, false, false] && heard == long)
        // From further below: this member has dropped that.
        var pruned = try #require(EndsChain(Array(long.links[1..<4])))
        let isNews = pruned.merge(long)
        #expect(isNews && pruned.root == long.links[0].point && pruned.tip == long.tip)
        // Another line of records from the same point on.
        let fork = try #require(
            EndsChain([long.links[1], try Self.link(60, on: long.links[1].point, [(20, 1)])]))
        var crossed = long
        let isFork = crossed.merge(fork)
        #expect(isFork && crossed.links.map(\.number.rawValue) == [10, 20, 60])
        #expect(!crossed.contains(long.tip.point) && crossed.end(of: Incarnation(30)) == .zero)
    }

    @Test(
        "S1a: a record that is met in its log is known where it stands on what is known, and passed over below the tip")
    func meets() throws {
        let long = try Self.chain(5)
        var known = try #require(EndsChain(Array(long.links[..<2])))
        let early = known.meet(long.links[3])
        let next = known.meet(long.links[2])
        let again = known.meet(long.links[2])
        #expect([early, next, again] == [false, true, true] && known.tip == long.links[2])
        let late = known.meet(try Self.link(25, on: long.links[1].point))
        #expect(!late && known.covers(Incarnation(25)) && !known.covers(Incarnation(31)))
        let over = known.meet(try Self.link(70, on: long.links[0].point))
        #expect(over && known.links.map(\.number.rawValue) == [10, 70])
    }
}
