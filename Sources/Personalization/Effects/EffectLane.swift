// One partition as one subscription reads it: from the log until it meets the live effects, then with them.

import ClusterModel
import DequeModule
import EventLog
import MergeableState

/// Two positions: what was handed out, which tokens name, and what was read. Between them stands the lane's window, at
/// most one reading. A value of its subscription.
struct EffectLane: Sendable {
    /// Ring items that the reader may know from elsewhere, until the ring has caught up with it. Its replay tells which.
    private struct Meeting: Sendable {
        /// Where the ring stands at the lane's place.
        var ring: EffectPosition
        /// Where the reader stood when it came.
        let goal: EffectPosition

        var isOver: Bool { ring.covers(goal) }
    }

    private enum Mode: Sendable {
        case apart
        case live(EffectFeed.Place, Meeting?)
    }

    let partition: PartitionID
    let feed: EffectFeed
    /// After everything that was handed out.
    private(set) var position: EffectPosition
    private var readPosition: EffectPosition
    private var window: Deque<EffectItem> = []
    private var mode = Mode.apart
    /// While it reads the log, and until the live effects have caught up with it.
    var replay: EffectReplay?

    init(_ partition: PartitionID, _ feed: EffectFeed, at position: EffectPosition) {
        self.partition = partition
        self.feed = feed
        self.position = position
        readPosition = position
    }

    /// Where the log is to be read from.
    var replayPosition: EffectPosition { readPosition }

    var isLive: Bool { if case .live = mode { true } else { false } }
    var isEmpty: Bool { window.isEmpty }
    var heldBytes: Int { window.reduce(0) { $0 + $1.effects.bytes } }

    /// Begins with the news that comes after `place`.
    mutating func begin(at place: EffectFeed.Place) { mode = .live(place, nil) }

    /// Goes on with the live effects where it stands exactly at one of their ends. Whether it does.
    mutating func resume() -> Bool {
        guard replay == nil, let place = feed.place(of: readPosition) else { return false }
        begin(at: place)
        return true
    }

    /// Meets the live effects where its replay has read far enough. Whether it did.
    mutating func enter() -> Bool {
        guard replay != nil, let ring = feed.enter(at: readPosition) else { return false }
        let meeting = Meeting(ring: ring.base, goal: readPosition)
        mode = .live(ring.place, meeting.isOver ? nil : meeting)
        if meeting.isOver { replay = nil }
        return true
    }

    /// Takes what a replay has read.
    mutating func take(_ items: [EffectItem]) {
        for item in items {
            readPosition.advance(past: item)
            window.append(item)
        }
    }

    /// Fills an empty window from the ring with about `maxBytes`. A lane that was overtaken there, or whose replay was
    /// taken from it, is apart again; one that has no more use for its replay lets go of it.
    mutating func readLive(maxBytes: Int) throws(EffectFailure) {
        guard window.isEmpty, case .live(let place, let meeting) = mode else { return }
        switch feed.read(from: place, maxBytes: maxBytes) {
        case .ended(let reason): throw .logFenced(reason)
        case .behind: (mode, replay) = (.apart, nil)
        case .items(let items):
            guard !items.isEmpty else { return }
            let next = place + UInt64(items.count)
            guard let meeting else {
                take(items)
                return begin(at: next)
            }
            guard let met = meet(items, meeting) else {
                (mode, replay) = (.apart, nil)
                return
            }
            mode = .live(next, met.isOver ? nil : met)
            if met.isOver { replay = nil }
        }
    }

    /// Takes from `items` what the reader does not know yet. Nil, and nothing is taken, when the replay is lost.
    private mutating func meet(_ items: [EffectItem], _ former: Meeting) -> Meeting? {
        var meeting = former
        guard let known = replay?.known(of: items.flatMap(\.effects).map(\.key)) else { return nil }
        for item in items {
            meeting.ring.advance(past: item)
            guard let next = readPosition.next(in: item.region, item.incarnation), next < item.next else { continue }
            var rest = item
            rest.effects.removeAll { $0.offset < next || known.contains($0.key) }
            take([rest])
        }
        return meeting
    }

    /// Hands out effects while `budget` lasts.
    mutating func give(to effects: inout [Effect], _ budget: inout EffectBudget) {
        while let item = window.first {
            let count = budget.spend(on: item.effects)
            effects += item.effects[..<count]
            guard count == item.effects.count else {
                if count > 0 { cut(item, after: count) }
                return
            }
            position.advance(past: item)
            window.removeFirst()
        }
    }

    private mutating func cut(_ item: EffectItem, after count: Int) {
        position.advance(item.region, item.incarnation, to: item.effects[count].offset)
        window[0].effects.removeFirst(count)
    }
}

/// How much one delivery may still take.
struct EffectBudget: Sendable {
    var effects: Int
    var bytes: Int

    var isSpent: Bool { effects <= 0 || bytes <= 0 }

    /// How many of `items` fit; the last may go beyond the bytes.
    mutating func spend(on items: [Effect]) -> Int {
        var count = 0
        while count < items.count, !isSpent {
            effects -= 1
            bytes -= items[count].bytes
            count += 1
        }
        return count
    }
}
