// What the phones know of a deployment of regions: kept outside every machine, so that no fault takes it.

import ClusterModel
import Synchronization

/// A place in an origin's log that some answer named.
struct EventPlace: Hashable, Comparable, Sendable {
    var region: RegionNumber
    var partition: PartitionID
    var incarnation: Incarnation
    var offset: Offset

    var log: LogIdentity {
        LogIdentity(
            name: LogName(region: region, topic: .userEvents, partition: partition), incarnation: incarnation)
    }

    static func < (lhs: Self, rhs: Self) -> Bool {
        (lhs.region, lhs.partition, lhs.incarnation, lhs.offset)
            < (rhs.region, rhs.partition, rhs.incarnation, rhs.offset)
    }
}

extension [EventPlace] {
    /// For messages.
    var short: String {
        map { place in
            let incarnation = String(place.incarnation.rawValue, radix: 16)
            return "\(place.region.rawValue)/\(place.partition.rawValue)@\(incarnation):\(place.offset.rawValue)"
        }.joined(separator: " ")
    }
}

/// Everything that clients saw. Thread-safe.
final class RegionLedger: Sendable {
    /// How safe an event was said to be.
    enum Strength: Hashable, Comparable, Sendable {
        case buffered
        case local
        /// In so many other regions too.
        case remote(Int)
    }

    struct Entry: Sendable {
        var id: EventID
        /// The strongest acknowledgement; nil for none, so that the outcome is unknown.
        var strength: Strength?
        var places: [EventPlace] = []
        /// Users whose places are named.
        var user: String
    }

    /// What a read said about a session.
    struct SessionAnswer: Sendable {
        var user: String
        /// The region that answered, its start, and how often its disk had been replaced.
        var region: RegionNumber
        var life: Int
        var diskFaults: Int
        /// The last places that the session named.
        var named: [EventPlace]
        var lostTail: Bool
        var isSatisfied: Bool
    }

    private struct State {
        var entries: [EventID: Entry] = [:]
        var answers: [SessionAnswer] = []
        var excused: Set<EventID> = []
        var rare: [RarePath: Int] = [:]
        var violations: [Violation] = []
    }

    /// A run that breaks a rule breaks it often: the first reasons are enough.
    private static let maxViolations = 40

    private let seed: UInt64
    private let state = Mutex(State())

    init(seed: UInt64) { self.seed = seed }

    func sent(_ id: EventID, of user: String) {
        state.withLock { $0.entries[id] = $0.entries[id] ?? Entry(id: id, strength: nil, user: user) }
    }

    func acknowledged(_ id: EventID, _ strength: Strength, at place: EventPlace?) {
        state.withLock { state in
            guard var entry = state.entries[id] else { return }
            entry.strength = entry.strength.map { max($0, strength) } ?? strength
            if let place, !entry.places.contains(place) { entry.places.append(place) }
            state.entries[id] = entry
        }
    }

    func answered(_ answer: SessionAnswer) { state.withLock { $0.answers.append(answer) } }

    /// These stood on no other disk than on one that was lost: the un-mirrored tail.
    func excuse(_ ids: Set<EventID>) { state.withLock { $0.excused.formUnion(ids) } }

    func saw(_ path: RarePath, times: Int = 1) {
        if times > 0 { state.withLock { $0.rare[path, default: 0] += times } }
    }

    func violated(_ rule: String, _ reason: String) {
        state.withLock { state in
            guard state.violations.count < Self.maxViolations else { return }
            state.violations.append(Violation(seed: seed, rule: rule, reason: reason))
        }
    }

    /// In the order of their ids.
    var entries: [Entry] { state.withLock { $0.entries.values.sorted { $0.id < $1.id } } }
    var answers: [SessionAnswer] { state.withLock(\.answers) }
    var excused: Set<EventID> { state.withLock(\.excused) }
    var rarePaths: [RarePath: Int] { state.withLock(\.rare) }
    var violations: [Violation] { state.withLock(\.violations) }
}
