// The live effects of one partition, shared by all of its readers: a ring of the newest, filled by the shard.

import ClusterModel
import DequeModule
import Synchronization

/// Wakes one subscription, whichever partition has news. Thread-safe.
package final class EffectReader: Sendable {
    package let signals: AsyncStream<Void>
    private let source: AsyncStream<Void>.Continuation

    package init() { (signals, source) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1)) }

    package func wake() { source.yield() }
}

/// A ring of items, bounded by bytes. The shard adds at one end, whoever reads there or not; a reader that is overtaken
/// goes to the log. Thread-safe; the lock is held for a few instructions an item.
package final class EffectFeed: Sendable {
    /// Bytes of one partition's ring.
    package static let maxBytes = 1 << 20
    /// Items of it: stretches without any effect weigh little and must not add up.
    package static let maxItems = 8_192

    /// A place in the ring, counted in items since the feed began.
    package typealias Place = UInt64

    package enum Reading: Sendable {
        case items([EffectItem])
        /// What comes next there is not in the ring any more.
        case behind
        /// The shard's log has ended, and why.
        case ended(String)
    }

    private struct State {
        var items: Deque<EffectItem> = []
        /// The place of the first item.
        var first: Place = 0
        var bytes = 0
        /// Before the first item and after the last; nil while nobody is told anything.
        var base: EffectPosition?
        var head: EffectPosition?
        /// In the order in which they came, and woken in it.
        var readers: [EffectReader] = []
        var endedBecause: String?
        /// After the last item.
        var end: Place { first + UInt64(items.count) }
    }

    private let state = Mutex(State())

    package init() {}

    // MARK: The shard's side

    /// Adds a reader; what is published from now on wakes it.
    func attach(_ reader: EffectReader) {
        state.withLock { state in
            if !state.readers.contains(where: { $0 === reader }) { state.readers.append(reader) }
        }
    }

    var hasReaders: Bool { state.withLock { !$0.readers.isEmpty } }

    func publish(_ steps: [EffectTail.Step]) {
        guard !steps.isEmpty else { return }
        let readers = state.withLock { state in
            for step in steps {
                switch step {
                case .restart(let position): Self.restart(&state, at: position)
                case .item(let item): Self.append(item, to: &state)
                }
            }
            return state.readers
        }
        for reader in readers { reader.wake() }
    }

    /// Nobody reads: the memory is given back.
    func rest() {
        state.withLock { state in
            state.first = state.end + 1
            state.items = []
            state.bytes = 0
            (state.base, state.head) = (nil, nil)
        }
    }

    /// The shard's memory is discarded with its log (S6).
    func end(because reason: String) {
        rest()
        let readers = state.withLock { state in
            state.endedBecause = reason
            return state.readers
        }
        for reader in readers { reader.wake() }
    }

    /// Places before it are void, the end of the former ring included: its readers have to see that it is another.
    private static func restart(_ state: inout State, at position: EffectPosition) {
        state.first = state.end + 1
        state.items = []
        state.bytes = 0
        (state.base, state.head) = (position, position)
    }

    private static func append(_ item: EffectItem, to state: inout State) {
        state.head?.advance(past: item)
        state.items.append(item)
        state.bytes += item.bytes
        while state.items.count > 1, state.bytes > maxBytes || state.items.count > maxItems,
            let oldest = state.items.popFirst()
        {
            state.first += 1
            state.bytes -= oldest.bytes
            state.base?.advance(past: oldest)
        }
    }

    // MARK: Readers

    package func detach(_ reader: EffectReader) { state.withLock { $0.readers.removeAll { $0 === reader } } }

    /// Why there will be no more; nil while there may be.
    package var failure: String? { state.withLock(\.endedBecause) }

    /// Where a reader begins that wants nothing but news; nil until the shard has told how far it is.
    package func newest() -> (place: Place, position: EffectPosition)? {
        state.withLock { state in state.head.map { (state.end, $0) } }
    }

    /// Where a reader goes on that has read exactly what the ring has at its begin or its end; nil for any other.
    package func place(of position: EffectPosition) -> Place? {
        state.withLock { state in
            if state.head == position { return state.end }
            return state.base == position ? state.first : nil
        }
    }

    /// Where a reader goes on that has read the log to `position`, and what stands before that place; nil while it has to
    /// read on. Items that it knows may follow all the same.
    package func enter(at position: EffectPosition) -> (place: Place, base: EffectPosition)? {
        state.withLock { state in
            guard let base = state.base, position.covers(base) else { return nil }
            return (state.first, base)
        }
    }

    /// Items from `place` on, about `maxBytes` of them and at least one where there is one.
    package func read(from place: Place, maxBytes: Int) -> Reading {
        state.withLock { state in
            if let reason = state.endedBecause { return .ended(reason) }
            guard place >= state.first, place <= state.end else { return .behind }
            var (items, bytes): ([EffectItem], Int) = ([], 0)
            var index = Int(place - state.first)
            while index < state.items.count, bytes < maxBytes {
                items.append(state.items[index])
                bytes += state.items[index].bytes
                index += 1
            }
            return .items(items)
        }
    }
}
