// Why a call is refused, in words that clients branch on. This table is the only place where a reason gets its status.

package import GRPCFraming

/// The reasons in `google.rpc.ErrorInfo`, domain `meridian.v1`. A raw value is never renamed or given a second meaning.
package enum ErrorReason: String, Hashable, Sendable, CaseIterable {
    // MARK: The request itself: do not repeat it
    case malformedMessage = "MALFORMED_MESSAGE"
    case messageTooLarge = "MESSAGE_TOO_LARGE"
    case fieldOutOfBounds = "FIELD_OUT_OF_BOUNDS"
    case unknownField = "UNKNOWN_FIELD"
    case notImplemented = "NOT_IMPLEMENTED"
    case unknownService = "UNKNOWN_SERVICE"
    case unknownContent = "UNKNOWN_CONTENT"
    /// No rule of `access` gives the caller a role that the method needs.
    case roleRequired = "ROLE_REQUIRED"
    /// The caller is a consumer, but not of this group or topic.
    case groupNotAllowed = "GROUP_NOT_ALLOWED"
    /// What operators ask for would leave users without a region.
    case noRegionConnected = "NO_REGION_CONNECTED"
    /// No other region can take this one's users.
    case noRegionHasRoom = "NO_REGION_HAS_ROOM"

    // MARK: Sessions and freshness (S12)
    case sessionTokenInvalid = "SESSION_TOKEN_INVALID"
    case sessionTokenForeignDeployment = "SESSION_TOKEN_FOREIGN_DEPLOYMENT"
    case sessionTokenForeignPartition = "SESSION_TOKEN_FOREIGN_PARTITION"
    case sessionTokenKeyUnknown = "SESSION_TOKEN_KEY_UNKNOWN"
    case sessionNotSatisfied = "SESSION_NOT_SATISFIED"
    /// Go on without the token: what it names can never be shown to be met.
    case tokenTooOld = "TOKEN_TOO_OLD"
    case tooStale = "TOO_STALE"

    // MARK: Events (S4, S11)
    case eventIDTooOld = "EVENT_ID_TOO_OLD"
    case eventIDTooNew = "EVENT_ID_TOO_NEW"
    /// A grant cancels a withdrawal that this region has not heard of.
    case unknownWithdrawal = "UNKNOWN_WITHDRAWAL"
    case notEnoughRegions = "NOT_ENOUGH_REGIONS"
    case remoteNotReached = "REMOTE_NOT_REACHED"

    // MARK: Streams of effects (S13)
    case cursorInvalid = "CURSOR_INVALID"
    case cursorForeign = "CURSOR_FOREIGN"
    case cursorKeyUnknown = "CURSOR_KEY_UNKNOWN"
    /// What comes next was trimmed here: another region may have it, or `skip_trimmed` goes on behind it.
    case cursorTrimmed = "CURSOR_TRIMMED"
    case unknownGroup = "UNKNOWN_GROUP"
    case groupDamaged = "GROUP_DAMAGED"
    case tooManyGroups = "TOO_MANY_GROUPS"
    case tooManySubscribers = "TOO_MANY_SUBSCRIBERS"
    case cursorNotCommitted = "CURSOR_NOT_COMMITTED"
    case logUnreadable = "LOG_UNREADABLE"

    // MARK: Load and state of the node
    case tooManyCalls = "TOO_MANY_CALLS"
    case tooManyBytes = "TOO_MANY_BYTES"
    /// This one client has its share of what a node takes at a time under way already.
    case clientShareSpent = "CLIENT_SHARE_SPENT"
    /// The event loop is behind: calls of this class are shed.
    case queueTooOld = "QUEUE_TOO_OLD"
    /// Writes wait too long for the disk.
    case flushOverdue = "FLUSH_OVERDUE"
    case backlogFull = "BACKLOG_FULL"
    case shardFull = "SHARD_FULL"
    /// Items: withdraw some.
    case catalogueFull = "CATALOGUE_FULL"
    /// Withdrawn ids that are remembered: they leave by themselves (S5).
    case tombstonesFull = "TOMBSTONES_FULL"
    case noSpace = "NO_SPACE"
    case logFenced = "LOG_FENCED"
    case nodeStarting = "NODE_STARTING"
    case nodeDraining = "NODE_DRAINING"
    case regionEvacuated = "REGION_EVACUATED"
    case shardNotServing = "SHARD_NOT_SERVING"
    case clockUntrusted = "CLOCK_UNTRUSTED"
    /// The node serves reads, and writes nothing until earlier starts of its region are settled (S1b).
    case startsUnsettled = "STARTS_UNSETTLED"
    case rebuilding = "REBUILDING"
    case deadlinePassed = "DEADLINE_PASSED"
    case internalFault = "INTERNAL_FAULT"

    /// The status that carries the reason.
    package var code: RPCStatusCode {
        switch self {
        case .malformedMessage, .messageTooLarge, .fieldOutOfBounds, .unknownField, .sessionTokenInvalid,
            .sessionTokenForeignDeployment, .sessionTokenForeignPartition, .cursorInvalid, .cursorForeign:
            .invalidArgument
        case .notImplemented: .unimplemented
        case .unknownService, .unknownContent, .unknownGroup: .notFound
        case .roleRequired, .groupNotAllowed: .permissionDenied
        case .sessionNotSatisfied, .tokenTooOld, .tooStale, .notEnoughRegions, .noRegionConnected, .noRegionHasRoom,
            .groupDamaged, .unknownWithdrawal:
            .failedPrecondition
        case .eventIDTooOld, .eventIDTooNew, .cursorTrimmed: .outOfRange
        case .tooManyGroups, .tooManySubscribers, .tooManyCalls, .tooManyBytes, .clientShareSpent, .queueTooOld,
            .flushOverdue, .backlogFull, .shardFull, .catalogueFull, .tombstonesFull,
            .noSpace:
            .resourceExhausted
        case .logFenced, .nodeStarting, .nodeDraining, .regionEvacuated, .shardNotServing, .clockUntrusted,
            .startsUnsettled,
            .rebuilding, .sessionTokenKeyUnknown, .cursorKeyUnknown, .cursorNotCommitted, .logUnreadable:
            .unavailable
        case .deadlinePassed, .remoteNotReached: .deadlineExceeded
        case .internalFault: .internal
        }
    }

    /// Not sooner than this may the same call be good; nil where repeating it here cannot help.
    package var retryAfter: Duration? {
        switch self {
        case .tooManyCalls, .tooManyBytes, .clientShareSpent, .queueTooOld, .flushOverdue, .backlogFull:
            .milliseconds(50)
        case .sessionNotSatisfied, .unknownWithdrawal: .milliseconds(100)
        case .nodeStarting, .shardNotServing: .milliseconds(250)
        case .rebuilding, .nodeDraining, .regionEvacuated, .logFenced, .clockUntrusted, .startsUnsettled, .shardFull,
            .tooManySubscribers,
            .cursorNotCommitted, .logUnreadable:
            .seconds(1)
        case .sessionTokenKeyUnknown, .cursorKeyUnknown, .noSpace: .seconds(5)
        case .tombstonesFull: .seconds(60)
        case .malformedMessage, .messageTooLarge, .fieldOutOfBounds, .unknownField, .notImplemented, .unknownService,
            .unknownContent, .roleRequired, .groupNotAllowed, .noRegionConnected, .noRegionHasRoom,
            .sessionTokenInvalid, .sessionTokenForeignDeployment, .sessionTokenForeignPartition, .tokenTooOld,
            .tooStale,
            .eventIDTooOld, .eventIDTooNew,
            .notEnoughRegions, .cursorInvalid, .cursorForeign, .cursorTrimmed, .unknownGroup, .groupDamaged,
            .tooManyGroups,
            .remoteNotReached, .catalogueFull, .deadlinePassed, .internalFault:
            nil
        }
    }
}

/// Why one event of a call was not appended, while others may have been: `EventResult.code`.
package enum EventRefusal: String, Hashable, Sendable, CaseIterable {
    case idTooOld = "EVENT_ID_TOO_OLD"
    case idTooNew = "EVENT_ID_TOO_NEW"
    case shardFull = "SHARD_FULL"
    /// Signed with a key that this node does not have yet: the same event may be good later (S3).
    case itemTokenKeyUnknown = "ITEM_TOKEN_KEY_UNKNOWN"
    case itemTokenInvalid = "ITEM_TOKEN_INVALID"
    /// A good token of another item than the event names.
    case itemTokenForeignItem = "ITEM_TOKEN_FOREIGN_ITEM"
    /// A field that this version does not know: refused, never dropped (S3).
    case unknownField = "UNKNOWN_FIELD"
}
