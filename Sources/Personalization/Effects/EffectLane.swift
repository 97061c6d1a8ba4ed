// One partition as one subscription reads it: from the log until it meets the live effects, then with them.

import ClusterModel
import DequeModule
import EventLog
import MergeableState

/// Two positions: what was handed out, which tokens name, and what was read. Between them stands the lane's window, at
/// most one reading. A value of its subscription.
struct EffectLane: Sendable {
    /// Ring items that the reader may know from elsewhere, until the ring has caught up with it.
    private struct Meeting: Sendable {
        /// Where the ring stands at the lane's place.
        var ring: EffectPosition
        /// Where the reader stood when it came.
        let goal: EffectPosition
        let seen: IDIndex
    }

    private enum Mode: Sendable {
        case apart
        case live(EffectFeed.Place, Meeting?)
    }

    /// Bytes taken from the ring at once.
    static let readBytes = 256 << 10

    let partition: PartitionID
    let feed: EffectFeed
    /// After everything that was handed out.
    private(set) var position: EffectPosition
    private var readPosition: EffectPosition
    private var window: Deque<EffectItem> = []
    private var mode = Mode.apart
    /// While it reads the log.
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
        guard let replay, let ring = feed.enter(at: readPosition) else { return false }
        mode = .live(ring.place, Meeting(ring: ring.base, goal: readPosition, seen: replay.seen))
        return true
    }

    /// Takes what a replay has read.
    mutating func take(_ items: [EffectItem]) {
        for item in items {
            readPosition.advance(past: item)
            window.append(item)
        }
    }

    /// Fills an empty window from the ring. A lane that was overtaken there is apart again.
    mutating func readLive() throws(EffectFailure) {
        guard window.isEmpty, case .live(let place, let meeting) = mode else { return }
        switch feed.read(from: place, maxBytes: Self.readBytes) {
        case .ended(let reason): throw .logFenced(reason)
        case .behind: mode = .apart
        case .items(let items):
            guard !items.isEmpty else { return }
            mode = .live(place + UInt64(items.count), meet(items, meeting))
        }
    }

    /// Takes from `items` what the reader does not know yet.
    private mutating func meet(_ items: [EffectItem], _ meeting: Meeting?) -> Meeting? {
        guard var meeting else {
            take(items)
            return nil
        }
        for item in items {
            meeting.ring.advance(past: item)
            guard let next = readPosition.next(in: item.region, item.incarnation), next < item.next else { continue }
            var rest = item
            rest.effects.removeAll { $0.offset < next || meeting.seen.contains($0.key) }
            take([rest])
        }
        return meeting.ring.covers(meeting.goal) ? nil : meeting
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
