// The shard's side of its live effects: what was applied, in that order, until all of it is flushed (S6).

import ClusterModel
import DequeModule

/// Keeps effects from the moment they are applied until nothing before them in the order of application can be lost any
/// more. That order matters: an event may have had its effect in an own record that is not flushed, and none in another
/// region's copy of it behind; a reader who saw the position after the copy, and not the effect, would miss it for ever
/// once a crash took the own record. A value of the shard's; exists only while somebody reads.
struct EffectTail: Sendable {
    /// What readers hear next.
    enum Step: Hashable, Sendable {
        /// The live effects begin anew at this position.
        case restart(EffectPosition)
        case item(EffectItem)
    }

    private struct Waiting: Sendable {
        var item: EffectItem
        /// Of its effects.
        var bytes = 0
        /// The own log has to be flushed to here; zero for other regions' logs, which are read when they are.
        var ownThrough: Offset
        /// Instead of an item.
        var restart: EffectPosition?

        var step: Step { restart.map { .restart($0) } ?? .item(item) }
    }

    /// Bytes of effects that wait for the own log's flush: beyond it they are dropped, and readers find them in the log.
    static let maxBytes = 8 << 20
    /// Own records that follow each other stand in one item up to so many bytes: what readers take at once stays small.
    static let mergedBytes = 64 << 10
    /// Stretches that wait with them, most of which may hold no effect at all.
    static let maxWaiting = 65_536

    private let region: RegionNumber
    private let incarnation: Incarnation
    private var waiting: Deque<Waiting> = []
    /// Of the effects that wait.
    private var bytes = 0

    /// `own` is the log that the shard writes. Everything applied so far stands for `position`.
    init(own: LogIdentity, at position: EffectPosition, ownNext: Offset) {
        region = own.name.region
        incarnation = own.incarnation
        let none = EffectItem(region: region, incarnation: incarnation, next: .zero)
        waiting.append(Waiting(item: none, ownThrough: ownNext, restart: position))
    }

    /// Takes what was applied last. False: too much waits already, and the tail has to begin anew.
    mutating func append(_ item: EffectItem) -> Bool {
        let size = item.effects.bytes
        bytes += size
        guard bytes <= Self.maxBytes, waiting.count < Self.maxWaiting else { return false }
        guard item.region == region, item.incarnation == incarnation else {
            waiting.append(Waiting(item: item, bytes: size, ownThrough: .zero))
            return true
        }
        if let last = waiting.indices.last, waiting[last].restart == nil, waiting[last].ownThrough > .zero,
            waiting[last].bytes < Self.mergedBytes
        {
            waiting[last].bytes += size
            waiting[last].item.next = item.next
            waiting[last].item.settled = item.settled ?? waiting[last].item.settled
            waiting[last].item.effects += item.effects
            waiting[last].ownThrough = item.next
        } else {
            waiting.append(Waiting(item: item, bytes: size, ownThrough: item.next))
        }
        return true
    }

    /// What may leave the process now that the own log is flushed to `flushed`, in order.
    mutating func takeReady(flushed: Offset) -> [Step] {
        var ready: [Step] = []
        while let first = waiting.first {
            guard first.ownThrough <= flushed else {
                if let part = cutFirst(at: flushed) { ready.append(part) }
                break
            }
            waiting.removeFirst()
            ready.append(first.step)
        }
        for case .item(let item) in ready { bytes -= item.effects.bytes }
        return ready
    }

    /// Own records that follow each other stand in one item: the flushed part of it goes ahead.
    private mutating func cutFirst(at flushed: Offset) -> Step? {
        guard waiting[0].restart == nil else { return nil }
        let count = waiting[0].item.effects.prefix { $0.offset < flushed }.count
        guard count > 0 else { return nil }
        let part = EffectItem(
            region: region, incarnation: incarnation, next: flushed,
            effects: Array(waiting[0].item.effects.prefix(count)))
        waiting[0].item.effects.removeFirst(count)
        waiting[0].bytes -= part.effects.bytes
        return .item(part)
    }
}
