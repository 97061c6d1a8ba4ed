// Random histories of user events, from a seed.

import ClusterModel
import EventLog
import MergeableState
import NodeEnvironment

@testable import Personalization

/// Draws events of a few users over a few weeks, so that every merge rule is exercised: late events, erasures in the
/// middle of buckets, concurrent consent, counters that cancel out.
struct RandomEvents {
    struct Drawn: Hashable {
        var id: EventID
        var event: UserEvent

        var order: MergeOrder { MergeOrder(id: id, bodyDigest: SHA256.hash(event.body).prefix128.high) }

        /// The record as a writer of any region would stamp it: not below the id's time (S4).
        func record(stamp: UInt64) -> EventRecord {
            EventRecord(kind: event.kind, stamp: HybridStamp(rawValue: max(stamp, id.time)), id: id, body: event.body)
        }
    }

    var generator: SeededGenerator
    let users: [UserKey]
    private var withdrawals: [EventID] = []

    static let day: UInt64 = 86_400_000
    static let start: UInt64 = 1_700_000_000_000

    init(seed: UInt64, users: Int = 3) {
        generator = SeededGenerator(seed: seed)
        self.users = (0..<users).map { UserKey(userID: "user-\($0)") }
    }

    mutating func pick(_ count: UInt64) -> UInt64 { generator.next() % count }

    mutating func next() -> Drawn {
        let user = users[Int(pick(UInt64(users.count)))]
        // Up to 60 days: beyond the 28 days of interest and the 14 of popularity.
        let time = Self.start + pick(60) * Self.day + pick(4) * (Self.day / 4)
        let id = EventID(time: time << 16 | pick(3), client: pick(3))
        switch pick(10) {
        case 0: return Drawn(id: id, event: .profile(profile(user)))
        case 1: return Drawn(id: id, event: .erase(EraseEvent(user: user, cut: WallTime(milliseconds: time + 5_000))))
        case 2:
            withdrawals.append(id)
            return Drawn(id: id, event: .consent(ConsentEvent(user: user, change: .withdrawal(replacing: []))))
        case 3:
            let seen = withdrawals.isEmpty ? [] : [withdrawals[Int(pick(UInt64(withdrawals.count)))]]
            return Drawn(id: id, event: .consent(ConsentEvent(user: user, change: .grant(cancelling: seen))))
        default: return Drawn(id: id, event: .interaction(interaction(user)))
        }
    }

    mutating func events(_ count: Int) -> [Drawn] { (0..<count).map { _ in next() } }

    private mutating func profile(_ user: UserKey) -> ProfileEvent {
        ProfileEvent(
            user: user, language: pick(2) == 0 ? ["en", "pt", "hi"][Int(pick(3))] : nil,
            country: pick(2) == 0 ? ["US", "BR"][Int(pick(2))] : nil, deviceModel: pick(3) == 0 ? "m\(pick(3))" : nil,
            maxAgeRating: pick(3) == 0 ? UInt8(pick(20)) : nil)
    }

    private mutating func interaction(_ user: UserKey) -> InteractionEvent {
        let kinds = InteractionKind.allCases
        let attributes =
            pick(4) == 0 ? nil : ItemAttributes(category: UInt16(pick(4)), language: pick(2) == 0 ? "en" : "pt")
        return InteractionEvent(
            user: user, kind: kinds[Int(pick(UInt64(kinds.count)))], contentID: "item-\(pick(6))",
            attributes: attributes, occurredAt: WallTime(milliseconds: Self.start))
    }
}

extension ShardState {
    /// Folds events as records of one origin's log, offsets from zero.
    static func folding(_ events: [RandomEvents.Drawn], region: UInt16 = 1) throws -> ShardState {
        var state = ShardState(partition: PartitionID(0))
        try state.fold(events, region: region)
        return state
    }

    mutating func fold(_ events: [RandomEvents.Drawn], region: UInt16, from offset: UInt64 = 0) throws {
        for (place, drawn) in events.enumerated() {
            let next = offset + UInt64(place)
            try apply(
                drawn.record(stamp: next + 1), in: RegionNumber(region), Incarnation(1), at: Offset(next))
        }
    }
}
