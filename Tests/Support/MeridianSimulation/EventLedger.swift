// What the callers know: the events they sent and what they were told. Kept outside the node, so that no crash takes it.

import ClusterModel
import Synchronization

/// Where an event stood when it was acknowledged.
struct AcknowledgedPlace: Hashable, Sendable {
    var partition: PartitionID
    var incarnation: Incarnation
    var offset: Offset
}

/// Everything that clients saw. Thread-safe.
final class EventLedger: Sendable {
    struct Entry: Sendable {
        var id: EventID
        var wasAskedLocal: Bool
        /// The strongest acknowledgement: nil for none, so that the outcome is unknown.
        var acknowledged: Acknowledgement?
    }

    enum Acknowledgement: Hashable, Sendable {
        case buffered(AcknowledgedPlace)
        case local(AcknowledgedPlace?)
    }

    /// What a read said about a session.
    struct SessionAnswer: Sendable {
        var user: String
        /// The places that the session's token named.
        var places: [AcknowledgedPlace]
        /// The newest line that the answer stood on.
        var current: Incarnation
        var lostTail: Bool
        var isSatisfied: Bool
    }

    private struct State {
        var entries: [EventID: Entry] = [:]
        var answers: [SessionAnswer] = []
        var told: Set<EventID> = []
        var rare: [RarePath: Int] = [:]
        var violations: [Violation] = []
    }

    private let seed: UInt64
    private let state = Mutex(State())

    init(seed: UInt64) { self.seed = seed }

    func sent(_ ids: [EventID], local: Bool) {
        state.withLock { state in
            for id in ids { state.entries[id] = state.entries[id] ?? Entry(id: id, wasAskedLocal: local) }
        }
    }

    func acknowledged(_ id: EventID, _ acknowledgement: Acknowledgement) {
        state.withLock { state in
            if case .local = state.entries[id]?.acknowledged { return }
            state.entries[id]?.acknowledged = acknowledgement
        }
    }

    func isKnownFlushed(_ id: EventID) -> Bool {
        state.withLock { state in
            if case .local = state.entries[id]?.acknowledged { return true }
            return false
        }
    }

    func answered(_ answer: SessionAnswer) { state.withLock { $0.answers.append(answer) } }

    /// A consumer heard of the effects of these.
    func told(_ ids: [EventID]) { state.withLock { $0.told.formUnion(ids) } }

    func saw(_ path: RarePath) { state.withLock { $0.rare[path, default: 0] += 1 } }

    func violated(_ rule: String, _ reason: String) {
        state.withLock { $0.violations.append(Violation(seed: seed, rule: rule, reason: reason)) }
    }

    /// In the order of their ids.
    var entries: [Entry] { state.withLock { $0.entries.values.sorted { $0.id < $1.id } } }
    var answers: [SessionAnswer] { state.withLock(\.answers) }
    var told: Set<EventID> { state.withLock(\.told) }
    var rarePaths: [RarePath: Int] { state.withLock(\.rare) }
    var violations: [Violation] { state.withLock(\.violations) }
}
