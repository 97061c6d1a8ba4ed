// What a replica knows of one user: merge primitives only, so that replicas that applied the same events are equal
// whatever the order (idea 2, S3).

package import ClusterModel
package import MergeableState

/// One user's state. A value; `UserState+Apply.swift` changes it, `UserState+Coding.swift` gives its canonical bytes.
package struct UserState: Hashable, Sendable {
    /// A click or stronger, as ranking needs it.
    package struct Action: Hashable, Sendable {
        package var content: ContentKey
        package var category: UInt16
        package var kind: InteractionKind

        package init(content: ContentKey, category: UInt16, kind: InteractionKind) {
            self.content = content
            self.category = category
            self.kind = kind
        }
    }

    package internal(set) var language = LastWriterRegister<String>()
    package internal(set) var country = LastWriterRegister<String>()
    package internal(set) var deviceModel = LastWriterRegister<String>()
    package internal(set) var maxAgeRating = LastWriterRegister<UInt8>()
    /// Newest first: clicks and stronger.
    package internal(set) var actions = NewestSet<Action>(limit: StateLimits.actions)
    /// Newest first: what was shown (impressions) or dismissed.
    package internal(set) var seen = NewestSet<ContentKey>(limit: StateLimits.seen)
    /// Interest by category: sums of `InteractionKind.weight`, a bucket a day. Only events with attributes count.
    package internal(set) var categories = SumsByKey<UInt16>()
    /// Interest by language, likewise.
    package internal(set) var languages = SumsByKey<String>()
    package internal(set) var consent = ConsentState()
    /// The highest cut of an erase (S9). A marker: outside the digest, inside snapshots.
    package internal(set) var erasedUpTo: WallTime?

    package init() {}

    /// Whether nothing but markers is left: such a row counts 0 in the digest (S10).
    package var isEmpty: Bool {
        // Of nearly every row this is all that has to be looked at.
        guard actions.entries.isEmpty, seen.entries.isEmpty else { return false }
        var blank = UserState()
        blank.erasedUpTo = erasedUpTo
        return self == blank
    }

    /// The newest id among the registers and consents that the event writes; nil where it is a member of a set or a sum, which
    /// take nothing's place. Complexity: O(1).
    func newestID(under event: UserEvent) -> EventID? {
        switch event {
        case .profile(let profile):
            [
                profile.language.flatMap { _ in language.order }, profile.country.flatMap { _ in country.order },
                profile.deviceModel.flatMap { _ in deviceModel.order },
                profile.maxAgeRating.flatMap { _ in maxAgeRating.order },
            ].compactMap { $0?.id }.max()
        case .consent: [consent.grant, consent.withdrawals.ids.last].compactMap { $0 }.max()
        case .interaction, .beacon, .served, .erase: nil
        }
    }

    /// What the row is kept for. Complexity: O(1).
    var holding: RowHolding {
        guard actions.entries.isEmpty, seen.entries.isEmpty, consent.grant == nil, language.order == nil,
            country.order == nil, deviceModel.order == nil, maxAgeRating.order == nil, categories.entries.isEmpty,
            languages.entries.isEmpty
        else { return .user }
        let holdsMarkers = erasedUpTo != nil || !consent.withdrawals.ids.isEmpty || !consent.cancelled.ids.isEmpty
        return holdsMarkers ? .markers : .nothing
    }

    /// S9: personalisation is off while a withdrawal stands open. Doors, serving and exports ask; `apply` never does.
    package var allowsPersonalization: Bool { !consent.isWithdrawn }
}

/// What a user's row is kept for.
enum RowHolding: Hashable, Sendable {
    case nothing
    /// Only what takes something back: erasures, and withdrawals of consent. Anybody can make them, of users who do not exist.
    case markers
    /// Something that a user did or said.
    case user
}

/// The bounds of state (S3: a changed one is a new field, with a new `apply` version).
package enum StateLimits {
    package static let actions = 16
    package static let seen = 64
    package static let interestBucket: Duration = .seconds(86_400)
    package static let interestBuckets = 28
    package static let popularityBucket: Duration = .seconds(3_600)
    /// Two weeks: one half-life of the slowest popularity score.
    package static let popularityBuckets = 336
    /// The version of `apply`: in openings, snapshots, digests and handshakes. 2: consent is bounded and cancels only what is
    /// older than the grant, cuts of erasures follow the id, languages are tags (Decisions/0027).
    package static let applyVersion: UInt32 = 2
    /// Regions of versions from this one on mirror each other: nobody runs an earlier one; from now on N reads N-1.
    package static let oldestApplyVersion: UInt32 = applyVersion
}

extension InteractionKind {
    /// What one interaction adds to interest.
    package var weight: Int64 {
        switch self {
        case .impression: 0
        case .watch: 2
        case .click: 4
        case .like, .bookmark: 8
        case .comment, .share, .follow: 12
        case .dismiss: -6
        }
    }

    /// Whether it says that the user came to the item.
    package var isAction: Bool {
        switch self {
        case .click, .like, .share, .bookmark, .comment, .follow, .watch: true
        case .impression, .dismiss: false
        }
    }
}
