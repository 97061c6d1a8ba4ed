// What the APIs ask of a shard, and what it answers: values of the domain, no protobuf and no status codes.

package import ClusterModel
import EventLog
package import MergeableState

/// How long the caller waits before it calls its events safe (S6, S11).
package enum RequestedDurability: Hashable, Sendable {
    /// Appended in memory. After a crash such an event may be gone: its token then ends as LOST_TAIL.
    case buffered
    /// Flushed on this node.
    case local
    /// Flushed in this many regions other than the origin.
    case remote(regions: Int)
}

/// One event of a `report`, ready for the log but for its stamp. The shard, which knows the user, completes two bodies (S9):
/// an erase gets its cut, a function of the id (what is given is ignored), and a change of consent that names no withdrawal
/// gets those that stand open here and are older than it. Withdrawals, and erasures of users of whom something is known here,
/// are never refused for want of room.
package struct SubmittedEvent: Hashable, Sendable {
    /// Nil when the caller has no ids: the shard makes one (no idempotence across retries then).
    package var id: EventID?
    package var event: UserEvent

    package init(id: EventID?, event: UserEvent) {
        self.id = id
        self.event = event
    }
}

/// What became of one event.
package struct EventResult: Hashable, Sendable {
    package enum Outcome: Hashable, Sendable {
        /// Appended and applied.
        case applied(LogPosition)
        /// Known already, by id and body: its effect stands once. Safe to count as done.
        case duplicate
        /// Not appended, and why. The door refuses and never clamps (S4).
        case refused(EventIDVerdict)
        /// Not appended: the shard is at one of its bounds (`ShardSettings`). Retry later.
        case shardFull
    }

    package var id: EventID
    package var outcome: Outcome

    package init(id: EventID, outcome: Outcome) {
        self.id = id
        self.outcome = outcome
    }
}

package struct ReportOutcome: Hashable, Sendable {
    package var results: [EventResult]
    /// What a session token has to name to see these events again, wherever they stand (S12).
    package var session: VersionVector
    /// At least what was asked for: more regions than that may hold the events.
    package var reached: RequestedDurability

    package init(results: [EventResult], session: VersionVector, reached: RequestedDurability) {
        self.results = results
        self.session = session
        self.reached = reached
    }

    func reaching(_ durability: RequestedDurability) -> ReportOutcome {
        ReportOutcome(results: results, session: session, reached: durability)
    }
}

/// Why a shard could not do what it was asked. APIs choose the status.
package enum ShardError: Error, Hashable, Sendable {
    /// The log takes no appends: poisoned or fenced (LOG_FENCED).
    case logFenced(String)
    /// Too much waits for the disk already.
    case backlogFull
    case noSpace
    /// Not yet restored, or draining.
    case notServing
    /// More regions were asked for than the deployment has.
    case notEnoughRegions(available: Int)
    /// The catalogue is at one of its bounds.
    case catalogueFull(CatalogueBound)
    /// The id's time is out of its bounds (S4); never `.admitted`.
    case idRefused(EventIDVerdict)
    /// A grant names a withdrawal that this region has not heard of (S9).
    case unknownWithdrawal(EventID)
    /// The session demanded is not met here yet.
    case sessionNotSatisfied(applied: VersionVector)
    /// The session demanded names starts from so long ago that nobody knows their ends any more (S12).
    case sessionTooOld
    /// The clock guard refuses to stamp records (S2). Reads go on.
    case clockUntrusted
    /// This start has opened nothing yet, for the reason given: too many are not settled (S1b). Reads go on.
    case startsUnsettled(String)
    /// The state is folded anew with agreed ends cut (S1a); over in a moment.
    case rebuilding
    /// The call's deadline came before so many regions held its events as it asked for (S11). They stand here: outcome
    /// unknown to the caller's promise, so it retries with the same ids.
    case remoteNotReached(reached: Int)
}

/// A question for content.
package struct SlateQuery: Hashable, Sendable {
    package var user: UserKey
    /// 1...`PersonalizationLimits.slateItems`.
    package var count: Int
    package var surface: Surface
    /// Overrides the profile's; nil or empty for none.
    package var language: String?
    package var country: String?
    /// The seed of everything random in the slate: the caller's request id.
    package var seed: UInt64
    package var now: WallTime
    /// What the answer must have seen (S12); nil for bounded staleness.
    package var session: VersionVector?
    package var requireSession: Bool

    package init(
        user: UserKey, count: Int, surface: Surface = .unknown, language: String? = nil, country: String? = nil,
        seed: UInt64, now: WallTime, session: VersionVector? = nil, requireSession: Bool = false
    ) {
        self.user = user
        self.count = count
        self.surface = surface
        self.language = language
        self.country = country
        self.seed = seed
        self.now = now
        self.session = session
        self.requireSession = requireSession
    }
}

/// The tier that a slate was served from: a client always gets content.
package enum ServingTier: UInt8, Hashable, Sendable {
    case personal = 1
    case cohort = 2
    case popular = 3
    case `static` = 4
}

package struct Slate: Hashable, Sendable {
    package struct Item: Hashable, Sendable {
        package enum Reason: UInt8, Hashable, Sendable {
            case affinity = 1
            case popularity = 2
            case recency = 3
            case exploration = 4
        }

        package var contentID: String
        package var attributes: ItemAttributes
        package var slot: UInt16
        /// The exact probability with which this policy puts this item into this slot.
        package var propensity: Float32
        package var reason: Reason

        package init(
            contentID: String, attributes: ItemAttributes, slot: UInt16, propensity: Float32, reason: Reason
        ) {
            self.contentID = contentID
            self.attributes = attributes
            self.slot = slot
            self.propensity = propensity
            self.reason = reason
        }
    }

    package var id: Digest128
    package var items: [Item]
    package var tier: ServingTier
    package var modelVersion: UInt64
    /// The vector that the answer stands on.
    package var applied: VersionVector
    /// The least of all member origins' times, 0 where one has none: what staleness is measured from. An origin that is
    /// cut off holds it back (S12).
    package var originTime: WallTime
    /// Nil when no session was asked for.
    package var session: SessionOutcome?

    package init(
        id: Digest128, items: [Item], tier: ServingTier, modelVersion: UInt64, applied: VersionVector,
        originTime: WallTime, session: SessionOutcome?
    ) {
        self.id = id
        self.items = items
        self.tier = tier
        self.modelVersion = modelVersion
        self.applied = applied
        self.originTime = originTime
        self.session = session
    }
}

/// One partition of a node, as `meridian digest` and `status` show it (S10).
package struct ShardReport: Hashable, Sendable {
    package var partition: PartitionID
    package var applyVersion: UInt32
    package var vector: VersionVector
    package var digest: Digest128
    package var users: Int
    /// Rows that hold only markers of erasures and withdrawals; not counted in `users`.
    package var markerRows: Int
    /// Ids held by the index for sums (S5).
    package var indexedIDs: Int
    /// Appended and not yet flushed, in records.
    package var unflushedRecords: Int

    package init(
        partition: PartitionID, applyVersion: UInt32, vector: VersionVector, digest: Digest128, users: Int,
        markerRows: Int, indexedIDs: Int, unflushedRecords: Int
    ) {
        self.partition = partition
        self.applyVersion = applyVersion
        self.vector = vector
        self.digest = digest
        self.users = users
        self.markerRows = markerRows
        self.indexedIDs = indexedIDs
        self.unflushedRecords = unflushedRecords
    }
}

/// The state of a region's catalogue: equal vectors and apply versions must show equal digests (S10).
package struct ContentReport: Hashable, Sendable {
    package var applyVersion: UInt32
    package var vector: VersionVector
    package var digest: Digest128
    /// Items and withdrawals that are remembered.
    package var contents: Int

    package init(applyVersion: UInt32, vector: VersionVector, digest: Digest128, contents: Int) {
        self.applyVersion = applyVersion
        self.vector = vector
        self.digest = digest
        self.contents = contents
    }
}

/// What became of content that was published or withdrawn.
package struct PublishOutcome: Hashable, Sendable {
    /// The caller's, or the one that was made.
    package var id: EventID
    /// Items that stand, or that newer writes have replaced since.
    package var written: Int
    /// How many of them an earlier attempt with the same id had brought.
    package var duplicates: Int

    package init(id: EventID, written: Int, duplicates: Int) {
        self.id = id
        self.written = written
        self.duplicates = duplicates
    }
}

/// What can be asked about content, over all shards of a node.
package protocol ContentRouting: Sendable {
    /// Appends to this region's content log and completes once flushed, on an executor of the node, exactly once. At most 512
    /// events, of different content ids; without an `id` one is made.
    func publish(
        _ events: [ContentEvent], id: EventID?,
        completion: @escaping @Sendable (Result<PublishOutcome, ShardError>) -> Void)

    /// The catalogue as this node has it. Never blocks.
    func catalogue() -> CatalogueSnapshot

    /// Popularity as this node has it, at most a second old. Never blocks.
    func popularity() -> PopularitySnapshot
}

/// The shards of a node, by user. The router is a snapshot: looking a shard up takes no lock and does not suspend.
///
/// Completions run on the shard's executor, exactly once. When the caller already runs on that executor, a query is
/// answered before the call returns.
package protocol ShardRouting: Sendable {
    var partitions: PartitionCount { get }

    /// Appends, applies, and completes once the durability asked for is reached. All events belong to `user`. At
    /// `remote` it completes with `.remoteNotReached` a moment before `deadline`, where it must (S11).
    func report(
        _ events: [SubmittedEvent], of user: UserKey, durability: RequestedDurability, deadline: BootInstant?,
        completion: @escaping @Sendable (Result<ReportOutcome, ShardError>) -> Void)

    func slate(_ query: SlateQuery, completion: @escaping @Sendable (Result<Slate, ShardError>) -> Void)

    /// One completion a partition that this node holds, then the caller has them all.
    func reports() async -> [ShardReport]
}
