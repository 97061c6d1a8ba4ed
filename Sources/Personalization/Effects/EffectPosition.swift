// Where a reader of one partition's effects stands: a vector over all origins' logs, which holds in every region (S13).

package import ClusterModel
import EventLog

/// For each origin how far each incarnation is read, and which of them are done with. Unlike a session's vector it has to
/// name what is done: a log that it says nothing of is read from its start.
package struct EffectPosition: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package var incarnation: Incarnation
        /// The next offset to read.
        package var next: Offset

        package init(incarnation: Incarnation, next: Offset) {
            self.incarnation = incarnation
            self.next = next
        }
    }

    package struct Line: Hashable, Sendable {
        /// Every incarnation below it is read to its agreed end (S1a).
        package internal(set) var settled: Incarnation?
        /// Ascending, one an incarnation, none below `settled`.
        package internal(set) var entries: [Entry] = []
    }

    package private(set) var lines: [RegionNumber: Line] = [:]

    package init() {}

    /// The next offset to read; nil for an incarnation that is done with.
    package func next(in region: RegionNumber, _ incarnation: Incarnation) -> Offset? {
        guard let line = lines[region] else { return .zero }
        if let settled = line.settled, incarnation < settled { return nil }
        return line.entries.first { $0.incarnation == incarnation }?.next ?? .zero
    }

    /// Whether everything below `next` is read.
    package func covers(_ region: RegionNumber, _ incarnation: Incarnation, to next: Offset) -> Bool {
        self.next(in: region, incarnation).map { $0 >= next } ?? true
    }

    /// Whether everything that stands below `other` is read. Complexity: O(entries squared), a handful.
    package func covers(_ other: EffectPosition) -> Bool {
        other.lines.allSatisfy { region, line in
            if let settled = line.settled {
                guard let own = lines[region]?.settled, own >= settled else { return false }
            }
            return line.entries.allSatisfy { covers(region, $0.incarnation, to: $0.next) }
        }
    }

    /// Never goes back; says nothing of what is done with.
    package mutating func advance(_ region: RegionNumber, _ incarnation: Incarnation, to next: Offset) {
        var line = lines[region] ?? Line()
        if let settled = line.settled, incarnation < settled { return }
        let place = line.entries.firstIndex { $0.incarnation >= incarnation } ?? line.entries.count
        if place < line.entries.count, line.entries[place].incarnation == incarnation {
            line.entries[place].next = max(line.entries[place].next, next)
        } else {
            line.entries.insert(Entry(incarnation: incarnation, next: next), at: place)
        }
        lines[region] = line
    }

    /// Every incarnation of `region` below `incarnation` is read to its end.
    package mutating func settle(_ region: RegionNumber, below incarnation: Incarnation) {
        var line = lines[region] ?? Line()
        line.settled = max(line.settled ?? incarnation, incarnation)
        line.entries.removeAll { entry in line.settled.map { entry.incarnation < $0 } ?? false }
        lines[region] = line
    }

    package mutating func advance(past item: EffectItem) {
        if let settled = item.settled { settle(item.region, below: settled) }
        advance(item.region, item.incarnation, to: item.next)
    }
}

extension OriginLines {
    /// What is applied here, as a reader's position.
    package var effectPosition: EffectPosition {
        var position = EffectPosition()
        for (region, line) in lines {
            if let settled = settled(region) { position.settle(region, below: settled) }
            for item in line.progress { position.advance(region, item.incarnation, to: item.next) }
        }
        return position
    }

    /// Lines that go on at `position`, with known ends cut: what a reader has seen beyond them stands, and is not missed.
    init(at position: EffectPosition, knowing ends: [AgreedEnds]) {
        self.init()
        for (region, item) in position.lines {
            var line = OriginLine()
            line.base = item.settled.map { EndsPoint(number: $0, digest: .zero) } ?? .genesis
            line.progress = item.entries.map {
                OriginLine.Progress(incarnation: $0.incarnation, next: $0.next, lastStamp: .zero)
            }
            lines[region] = line
        }
        for agreed in ends { learn(agreed.chain, of: agreed.name.region) }
        cutAtAgreedEnds()
    }

    /// For folds that keep no state of what they read: nothing there has to be taken back. A position names the number of a
    /// base only: it stands on the newest known record that is not above it.
    mutating func cutAtAgreedEnds() {
        for (region, var line) in lines {
            guard let chain = line.chain else { continue }
            if !chain.contains(line.base), let known = chain.point(atOrBelow: line.base.number) { line.base = known }
            for (place, item) in line.progress.enumerated() {
                guard let end = line.agreedEnd(of: item.incarnation), item.next > end else { continue }
                line.progress[place].next = end
            }
            lines[region] = line
        }
    }

    /// What was read before the lines began: it moves the origin's time as it did then.
    mutating func noteStamp(_ stamp: HybridStamp, in region: RegionNumber, _ incarnation: Incarnation) {
        guard let place = lines[region]?.place(of: incarnation) else { return }
        let known = lines[region]?.progress[place].lastStamp ?? .zero
        lines[region]?.progress[place].lastStamp = max(known, stamp)
    }
}
