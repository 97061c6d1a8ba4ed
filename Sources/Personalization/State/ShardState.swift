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
    /// Counts folds of user events in this process: tells readers whether anything is new.
    package private(set) var changes: UInt64 = 0
    /// Effects since they were taken last; nil while nobody reads them.
    private var effects: [Effect]?

    package init(partition: PartitionID) { self.partition = partition }

    package func user(_ key: UserKey) -> UserState? { rows[key] }

    package var userCount: Int { rows.count }

    package var vector: VersionVector { lines.vector }

    /// Folds the next record of a log. Returns the event where it had an effect for the first time (S13).
    ///
    /// Throws where the log has to stop: a gap, an unknown kind, a body that does not parse. Complexity: O(1) but for an
    /// item's or a day's first event.
    @discardableResult
    package mutating func apply(
        _ record: EventRecord, in region: RegionNumber, _ incarnation: Incarnation, at offset: Offset
    ) throws(ApplyError) -> AppliedEvent? {
        guard RecordKind.known.contains(record.kind) else { throw .unknownKind(record.kind) }
        let event: UserEvent?
        do { event = try UserEvent.decode(record) } catch { throw .malformed("\(error)") }
        try lines.onRecord(record, in: region, incarnation, at: offset)
        guard let event else { return nil }
        if case .served = event { return nil }
        let key = MergeOrder(id: record.id, bodyDigest: record.bodyDigest)
        let isNew = index.insert(key)
        fold(event, by: key, isNew: isNew)
        if isNew {
            effects?.append(
                Effect(
                    key: key, event: event, stamp: record.stamp, partition: partition, region: region,
                    incarnation: incarnation, offset: offset, bytes: record.encodedLength))
        }
        return isNew ? AppliedEvent(key: key, event: event) : nil
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

    package mutating func fold(
        _ record: EventRecord, in region: RegionNumber, _ incarnation: Incarnation, at offset: Offset
    ) throws(ApplyError) {
        try apply(record, in: region, incarnation, at: offset)
    }

    /// Forgets ids that no member can send again (S5).
    package mutating func forget(members: [RegionNumber], bounds: TimeBounds) {
        guard let time = lines.time(over: members) else { return }
        index.forget(before: time.advanced(by: .zero - bounds.forgetAfter))
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
    }
}

/// An event whose effect entered the state for the first time.
package struct AppliedEvent: Hashable, Sendable {
    package var key: MergeOrder
    package var event: UserEvent

    package init(key: MergeOrder, event: UserEvent) {
        self.key = key
        self.event = event
    }
}

extension UserEvent {
    /// The event of a record; nil for the log's own records and for other topics' kinds.
    static func decode(_ record: EventRecord) throws(ByteCodingError) -> UserEvent? {
        guard record.kind.rawValue >= RecordKind.profile.rawValue, record.kind.rawValue < RecordKind.content.rawValue
        else { return nil }
        return try UserEvent(record)
    }
}
