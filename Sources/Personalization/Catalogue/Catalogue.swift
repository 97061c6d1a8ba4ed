// The content that a node knows: the fold of every origin's content log.

package import ClusterModel
import EventLog
package import MergeableState

/// A last-writer-wins register per content id. A withdrawal is a write like any other: it stays as a tombstone for as long as
/// an older publication can come, and is gone after that (S5). Tombstones are outside the digest, as markers of erasures are,
/// so that it does not matter when one goes (Decisions/0029). Neither the order of events nor a bound plays a part in the
/// fold: only the door asks about room (S3).
///
/// An item that has expired stays until it is withdrawn: whether one is in the catalogue is a function of events, and no clock
/// has a say in it.
package struct Catalogue: Sendable {
    /// The first 128 bits of SHA-256 of an id: ids are told apart by their bytes, never by Unicode's equivalence.
    typealias Register = Digest128

    struct Entry: Sendable {
        var order: MergeOrder
        /// The keyed hash of the entry's canonical encoding.
        var share: Digest128
        var row: UInt32
    }

    /// The version of this state, in its encoding.
    package static let version: UInt16 = 2
    /// The highest `limit`.
    package static let maxLimit = 1 << 24
    /// Tombstones that one call of `forget` lets go, so that a batch of a hundred thousand withdrawals does not hold up a loop
    /// when its time has come: some milliseconds.
    package static let forgottenAtOnce = 4_096

    /// Items that the door lets in; and tombstones of ids that were not in the catalogue.
    package let limit: Int
    /// Ids, withdrawn ones included, above which the door lets no new one in: the items, as many withdrawals of ids that were
    /// not in the catalogue, and as many of ids that were.
    package var registerLimit: Int { 3 * limit }

    private(set) var entries: [Register: Entry] = [:]
    private(set) var tombstones = Tombstones()
    private(set) var index = CatalogueIndex()
    private var published: CatalogueSnapshot?
    /// Sum modulo 2^128 of the keyed hashes of all items: equal for replicas that applied the same events, whatever the
    /// order and whatever they have forgotten. Zero for an empty catalogue.
    package private(set) var digest: Digest128 = .zero
    /// Writes that won in this process: tells writers of snapshots whether anything is new.
    package private(set) var changes: UInt64 = 0

    package init(limit: Int) { self.limit = min(max(1, limit), Self.maxLimit) }

    /// Ids known, withdrawn ones included.
    package var count: Int { entries.count + tombstones.count }

    /// Items that are not withdrawn, expired or not.
    package var liveCount: Int { entries.count }

    /// Ids that were withdrawn and are remembered.
    package var tombstoneCount: Int { tombstones.count }

    /// Whether exactly this write stands: a retry of it changes nothing. Complexity: one SHA-256.
    package func stands(_ event: ContentEvent, by order: MergeOrder) -> Bool {
        let register = Self.register(of: event.contentID)
        return (entries[register]?.order ?? tombstones[register]) == order
    }

    /// The id of the write that stands of this content, be it an item or a withdrawal. Complexity: one SHA-256.
    func newestID(of contentID: String) -> EventID? {
        let register = Self.register(of: contentID)
        return (entries[register]?.order ?? tombstones[register])?.id
    }

    /// Whether the write won. Complexity: O(log n) and what `CatalogueIndex` says; O(n) bytes copied by the first one
    /// after a snapshot was taken.
    @discardableResult
    package mutating func apply(_ event: ContentEvent, by order: MergeOrder) -> Bool {
        let register = Self.register(of: event.contentID)
        let old = entries[register]
        if let known = old?.order ?? tombstones[register], known >= order { return false }
        // Dropped first: with it goes the second reference to the index, where nobody else holds the snapshot.
        published = nil
        changes &+= 1
        if let old { digest = digest &- old.share }
        switch event {
        case .publish(let item): publish(item, event, by: order, over: old, register)
        case .withdraw:
            if let old {
                index.release(old.row)
                entries[register] = nil
            }
            tombstones.insert(register, by: order)
        }
        return true
    }

    private mutating func publish(
        _ item: ContentItem, _ event: ContentEvent, by order: MergeOrder, over old: Entry?, _ register: Register
    ) {
        let row: UInt32
        if let old {
            row = old.row
            index.replace(row, with: item)
        } else {
            row = index.append(item, key: ContentKey(rawValue: register.high))
            tombstones.remove(register)
        }
        let share = Self.share(of: event, order)
        entries[register] = Entry(order: order, share: share, row: row)
        digest = digest &+ share
    }

    /// Forgets withdrawals with event ids of times below `horizon`: no attempt that is older than one of them is let in
    /// anywhere any more, and none stands in a log that is not applied here. At most `forgottenAtOnce`; the next call goes on.
    /// Complexity: O(1) when none can go.
    package mutating func forget(before horizon: WallTime) {
        guard tombstones.forget(before: horizon, atMost: Self.forgottenAtOnce) > 0 else { return }
        published = nil
    }

    /// Whether the next `snapshot()` is another one than the last.
    package var hasNews: Bool { published == nil }

    /// The catalogue as of now, to be shared between threads. Complexity: O(1); one allocation after a change.
    package mutating func snapshot() -> CatalogueSnapshot {
        if let published { return published }
        let snapshot = CatalogueSnapshot(index, digest: digest, tombstones: tombstones.count, limit: limit)
        published = snapshot
        return snapshot
    }

    static func register(of id: String) -> Register { SHA256.hash(utf8: id).prefix128 }

    /// The key separates this use of SHA-256 from every other one.
    private static func share(of event: ContentEvent, _ order: MergeOrder) -> Digest128 {
        var writer = ByteWriter(reservingCapacity: 256)
        writer.write(raw: digestKey)
        encode(event, order, into: &writer)
        return SHA256.hash(writer.bytes).prefix128
    }

    private static let digestKey = Array("meridian/catalogue-digest/1".utf8)

    /// A withdrawal that a snapshot kept.
    mutating func restore(tombstone register: Register, by order: MergeOrder) { tombstones.insert(register, by: order) }
}

// MARK: The door

extension Catalogue {
    /// The bound at which the door refuses these; nil for room enough. What replaces an item, or takes one out, always has room.
    /// Complexity: O(events).
    package func bound(met events: [ContentEvent]) -> CatalogueBound? {
        var added: Set<Register> = []
        var (isNew, withdrawn): (Set<Register>, Set<Register>) = ([], [])
        for event in events {
            let register = Self.register(of: event.contentID)
            guard entries[register] == nil else { continue }
            let isKnown = tombstones[register] != nil
            if !isKnown { isNew.insert(register) }
            switch event {
            case .publish: added.insert(register)
            case .withdraw: if !isKnown { withdrawn.insert(register) }
            }
        }
        if !added.isEmpty, entries.count + added.count > limit { return .items }
        // Ids that somebody makes up to withdraw them take no room from items.
        if !withdrawn.isEmpty, tombstones.count + withdrawn.count > limit { return .tombstones }
        if !isNew.isEmpty, count + isNew.count > registerLimit { return .tombstones }
        return nil
    }
}

extension ContentEvent {
    /// Nil for a withdrawal.
    package var item: ContentItem? {
        if case .publish(let item) = self { return item }
        return nil
    }
}
