// The state of one partition: what the fold of all origins' logs leaves behind. One path for live events, restarts and
// mirrored batches.

package import ClusterModel
package import EventLog
package import MergeableState

/// Users, popularity, id index and progress of one partition. A value: a copy is an immutable view, which snapshots and
/// audits read while the shard goes on.
package struct ShardState: LogFold {
    package let partition: PartitionID
    package internal(set) var popularity = PopularityPartial()
    package internal(set) var index = IDIndex()
    package var lines = OriginLines()
    private(set) var rows = UserTable()
    /// Whose rows hold markers of erasures. Derived from the rows.
    private var erasures = ErasureTimes()
    /// Counts folds of user events in this process: tells readers whether anything is new.
    package private(set) var changes: UInt64 = 0
    /// Effects since they were taken last; nil while nobody reads them.
    private var effects: [Effect]?

    package init(partition: PartitionID) { self.partition = partition }

    package func user(_ key: UserKey) -> UserState? { rows[key] }

    /// Users: rows that hold more than markers.
    package var userCount: Int { rows.count - rows.markerCount }

    /// Rows that hold only markers of erasures and withdrawals (S9).
    package var markerRowCount: Int { rows.markerCount }

    /// What is kept of a user.
    func holding(of user: UserKey) -> RowHolding { rows.holding(of: user) }

    package var vector: VersionVector { lines.vector }

    package static let eventKinds = UserEvent.kinds

    package static func event(_ record: EventRecord) throws(ByteCodingError) -> UserEvent { try UserEvent(record) }

    /// Complexity: O(1) but for an item's or a day's first event.
    package mutating func take(
        _ event: UserEvent, of record: EventRecord, in region: RegionNumber, _ incarnation: Incarnation,
        at offset: Offset
    ) {
        guard event.hasEffect else { return }
        let key = MergeOrder(id: record.id, bodyDigest: record.bodyDigest)
        let isNew = index.insert(key)
        // A change of consent has another body at every door: it is known by its id (S9).
        if case .consent(let consent) = event { index.insert(.change(consent, record.id)) }
        if case .erase(let erase) = event { note(erase) }
        fold(event, by: key, isNew: isNew)
        guard isNew else { return }
        effects?.append(
            Effect(
                key: key, event: event, stamp: record.stamp, partition: partition, region: region,
                incarnation: incarnation, offset: offset, bytes: record.encodedLength))
    }

    /// The highest cut of a user is the one whose time is waited for.
    private mutating func note(_ erase: EraseEvent) {
        let known = rows.erasedUpTo(of: erase.user)
        if let known, known >= erase.cut { return }
        erasures.move(erase.user, from: known, to: erase.cut)
    }

    /// S13: keeps effects from now on, or keeps none.
    mutating func keepEffects(_ keeps: Bool) { effects = keeps ? effects ?? [] : nil }

    /// The effects since the last call. Complexity: O(1).
    mutating func takeEffects() -> [Effect] {
        guard let taken = effects, !taken.isEmpty else { return [] }
        effects = []
        return taken
    }

    private mutating func fold(_ event: UserEvent, by key: MergeOrder, isNew: Bool) {
        rows.change(event.user) { $0.apply(event, by: key, isNew: isNew) }
        changes &+= 1
        // Popularity names nobody, so neither erasure nor consent take part in it.
        if isNew, case .interaction(let interaction) = event {
            popularity.add(
                interaction.kind, of: ContentKey(contentID: interaction.contentID), at: key.id.wallTime)
        }
    }

    /// Forgets ids that no member can send again (S5).
    package mutating func forget(members: [RegionNumber], bounds: TimeBounds) {
        guard let time = lines.time(over: members) else { return }
        index.forget(before: time.advanced(by: .zero - bounds.forgetAfter))
    }

    /// Forgets markers of erasures, and rows that hold nothing else, whose cuts lie more than `life` below every origin's
    /// time: nothing that they cover can come any more, not even by replay (S9). Complexity: O(those that go).
    package mutating func forgetErasures(olderThan life: Duration, members: [RegionNumber]) {
        guard let time = lines.time(over: members) else { return }
        let horizon = time.advanced(by: .zero - life)
        for user in erasures.take(before: horizon) { rows.forgetErasure(of: user, before: horizon) }
    }

    /// Takes the place of `former`, folded anew: readers of `changes` see that something is new.
    mutating func supersede(_ former: ShardState) { changes = former.changes &+ 1 }

    /// S10: of the users and of the popularity partial. Complexity: O(users changed since the last call + popularity
    /// buckets).
    package mutating func digest() -> Digest128 { rows.digest() &+ StateDigest.share(of: popularity) }

    /// Makes room for rows that `restore` puts back.
    mutating func reserve(users: Int) { rows.reserve(users) }

    /// Puts a row back from a snapshot.
    mutating func restore(_ row: UserState, of user: UserKey) {
        rows.change(user) { $0 = row }
        if let cut = row.erasedUpTo { erasures.move(user, from: nil, to: cut) }
    }
}

extension MergeOrder {
    /// Stands in the id index for a user's grant, or withdrawal, of that id, whatever its body lists. It is another event's key
    /// by a chance of 2^-63.
    static func change(_ event: ConsentEvent, _ id: EventID) -> MergeOrder {
        let key = event.user.digest.low
        return switch event.change {
        case .withdrawal: MergeOrder(id: id, bodyDigest: key)
        case .grant: MergeOrder(id: id, bodyDigest: ~key)
        }
    }
}

extension UserEvent {
    /// What the log of user events holds.
    package static let kinds: Set<RecordKind> = [.profile, .interaction, .beacon, .served, .erase, .consent]

    /// Slates that were served are kept for learning only.
    var hasEffect: Bool { if case .served = self { false } else { true } }
}
