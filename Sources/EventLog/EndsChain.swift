// The ends records of one line, each standing on the one before it (S1a).

package import ClusterModel

/// One ends record with its number.
package struct EndsLink: Hashable, Sendable {
    /// The incarnation whose log holds the record.
    package let number: Incarnation
    package let record: EndsRecord
    /// What names the record.
    package let point: EndsPoint

    package init(number: Incarnation, record: EndsRecord) {
        self.number = number
        self.record = record
        var writer = ByteWriter(reservingCapacity: 8)
        writer.write(number.rawValue)
        point = EndsPoint(number: number, digest: SHA256.hash(writer.bytes + record.body).prefix128)
    }
}

/// Records from some point on, normally the member's floor (S1b), up to the newest known. A value; the highest number wins.
package struct EndsChain: Hashable, Sendable {
    /// Ascending, at least one; each stands on the one before it.
    package private(set) var links: [EndsLink]

    /// Links of one line at most; far more than a start accepts (`EndsRecord.maxEnds`).
    package static let maxLinks = 2_048

    /// Nil where the links do not stand on each other, ascend or fit.
    package init?(_ links: [EndsLink]) {
        guard let first = links.first, links.count <= Self.maxLinks, first.record.on.number < first.number,
            zip(links, links.dropFirst()).allSatisfy({ $0.number < $1.number && $1.record.on == $0.point })
        else { return nil }
        self.links = links
    }

    /// A record and nothing else of its line. Nil where it stands on no older one.
    package init?(_ link: EndsLink) { self.init([link]) }

    package var first: EndsLink { links[0] }
    package var tip: EndsLink { links[links.count - 1] }
    /// What the oldest record stands on: everything below is unknown here, and fixed.
    package var root: EndsPoint { first.record.on }

    /// Whether a state with this base stands on the chain. Complexity: O(log links).
    package func contains(_ point: EndsPoint) -> Bool { point == root || index(of: point) != nil }

    /// The newest point of the chain, the root included, whose number is not above `number`; nil below the root.
    package func point(atOrBelow number: Incarnation) -> EndsPoint? {
        guard number >= root.number else { return nil }
        let place = firstIndex(above: number)
        return place == 0 ? root : links[place - 1].point
    }

    /// The agreed end of an incarnation: nil for one that may still grow, 0 for one that is not listed and for those below
    /// the root, of which nothing may be pulled or applied any more. Complexity: O(log links + log ends).
    package func end(of incarnation: Incarnation) -> Offset? {
        guard incarnation < tip.number else { return nil }
        guard incarnation >= root.number else { return .zero }
        return links[firstIndex(above: incarnation)].record.end(of: incarnation)
    }

    /// Hears another chain of the same line: a higher tip wins, and what both know below it stays. Never reaches below what
    /// it reached before: a floor does not move by hearsay (S1b). Whether it is news.
    package mutating func merge(_ other: EndsChain) -> Bool {
        guard other.tip.number > tip.number else { return false }
        if let place = index(of: other.root) {
            links = Array((links[...place] + other.links).suffix(Self.maxLinks))
        } else if let place = index(of: other.first.point) {
            links = Array((links[..<place] + other.links).suffix(Self.maxLinks))
        } else if let place = other.index(of: root) {
            links = Array(other.links[(place + 1)...])
        } else {
            links = other.links
        }
        return true
    }

    /// A record that was met in its own log. Whether it is known now: not one that stands on what is not known here, nor one
    /// that a higher number has passed over.
    package mutating func meet(_ link: EndsLink) -> Bool {
        if index(of: link.point) != nil { return true }
        guard link.number > tip.number else { return false }
        if link.record.on == root {
            links = [link]
            return true
        }
        guard let place = index(of: link.record.on), place + 1 < Self.maxLinks else { return false }
        links = links[...place] + [link]
        return true
    }

    /// Whether a record of this number would have to be in the chain, if it were part of the line.
    package func covers(_ number: Incarnation) -> Bool { number > root.number && number <= tip.number }

    /// Drops what lies below the record at `point`, which becomes the first. Whether anything went.
    package mutating func prune(to point: EndsPoint) -> Bool {
        guard let place = index(of: point), place > 0 else { return false }
        links.removeFirst(place)
        return true
    }

    private func index(of point: EndsPoint) -> Int? {
        let place = firstIndex(above: point.number) - 1
        return place >= 0 && links[place].point == point ? place : nil
    }

    /// The first link with a higher number; the count where there is none.
    private func firstIndex(above number: Incarnation) -> Int {
        var (low, high) = (0, links.count)
        while low < high {
            let middle = (low + high) / 2
            if links[middle].number <= number { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
