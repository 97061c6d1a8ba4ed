// What the user-events log says, in the words of the domain. Encodings stand in the files beside this one.

package import ClusterModel

/// A user's event as `apply` sees it. Bodies name users by key only: a log holds no user id in clear.
package enum UserEvent: Hashable, Sendable {
    case interaction(InteractionEvent)
    case profile(ProfileEvent)
    case consent(ConsentEvent)
    case erase(EraseEvent)
    case beacon(BeaconEvent)
    case served(ServedEvent)
}

/// What a user did with a content item. The raw value is on disk and on the wire.
package enum InteractionKind: UInt8, Hashable, Sendable, CaseIterable {
    case impression = 1
    case click = 2
    case like = 3
    case share = 4
    case bookmark = 5
    case comment = 6
    case follow = 7
    case dismiss = 8
    /// Watched for `watchMilliseconds`.
    case watch = 9
}

/// Where on the phone content is shown. The raw value is on disk and on the wire; 0 is unknown.
package struct Surface: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let unknown = Surface(rawValue: 0)
    package static let lockScreen = Surface(rawValue: 1)
    package static let feed = Surface(rawValue: 2)
    package static let widget = Surface(rawValue: 3)
}

/// What an item token says of an item: all that feeds sums and is not in the event itself (S3).
package struct ItemAttributes: Hashable, Sendable {
    /// Folded to a small number by the catalogue; 0 is none.
    package var category: UInt16
    /// A `LanguageTag` in the catalogue's form, at most 8 bytes; empty is none.
    package var language: String

    package init(category: UInt16, language: String) {
        self.category = category
        self.language = language
    }
}

package struct InteractionEvent: Hashable, Sendable {
    package var user: UserKey
    package var kind: InteractionKind
    /// At most `PersonalizationLimits.contentIDBytes`.
    package var contentID: String
    /// From a verified item token; nil without one (the event then feeds only sums that need no attributes).
    package var attributes: ItemAttributes?
    /// The slate that showed the item; zero for none.
    package var slate: Digest128
    package var slot: UInt16
    package var surface: Surface
    package var watchMilliseconds: UInt32
    /// When the user did it, by the client's clock; informative only: never orders anything.
    package var occurredAt: WallTime

    package init(
        user: UserKey, kind: InteractionKind, contentID: String, attributes: ItemAttributes? = nil,
        slate: Digest128 = .zero, slot: UInt16 = 0, surface: Surface = .unknown, watchMilliseconds: UInt32 = 0,
        occurredAt: WallTime
    ) {
        self.user = user
        self.kind = kind
        self.contentID = contentID
        self.attributes = attributes
        self.slate = slate
        self.slot = slot
        self.surface = surface
        self.watchMilliseconds = watchMilliseconds
        self.occurredAt = occurredAt
    }
}

/// Each field that is there is one register's new value.
package struct ProfileEvent: Hashable, Sendable {
    package var user: UserKey
    /// A `LanguageTag` in the catalogue's form, at most 8 bytes.
    package var language: String?
    /// ISO 3166 alpha-2, upper case.
    package var country: String?
    /// At most 64 bytes.
    package var deviceModel: String?
    /// The highest age rating that the user may see, in years.
    package var maxAgeRating: UInt8?

    package init(
        user: UserKey, language: String? = nil, country: String? = nil, deviceModel: String? = nil,
        maxAgeRating: UInt8? = nil
    ) {
        self.user = user
        self.language = language
        self.country = country
        self.deviceModel = deviceModel
        self.maxAgeRating = maxAgeRating
    }
}

/// A grant or a withdrawal of consent (S9). The lists are the door's: what was open there and older than the event; at most
/// `PersonalizationLimits.cancelledWithdrawals`.
package struct ConsentEvent: Hashable, Sendable {
    package enum Change: Hashable, Sendable {
        /// Stands for these from now on.
        case withdrawal(replacing: [EventID])
        /// Cancels exactly these withdrawals.
        case grant(cancelling: [EventID])
    }

    package var user: UserKey
    package var change: Change

    package init(user: UserKey, change: Change) {
        self.user = user
        self.change = change
    }
}

/// Forget what this user did up to the cut (S9). The door sets it: id time + F + 2D, the same at every door.
package struct EraseEvent: Hashable, Sendable {
    package var user: UserKey
    package var cut: WallTime

    package init(user: UserKey, cut: WallTime) {
        self.user = user
        self.cut = cut
    }
}

/// A sign of life of a device.
package struct BeaconEvent: Hashable, Sendable {
    package enum Kind: UInt8, Hashable, Sendable, CaseIterable {
        case unlock = 1
        case sessionStart = 2
        case sessionEnd = 3
    }

    package var user: UserKey
    package var kind: Kind
    package var surface: Surface
    package var occurredAt: WallTime

    package init(user: UserKey, kind: Kind, surface: Surface, occurredAt: WallTime) {
        self.user = user
        self.kind = kind
        self.surface = surface
        self.occurredAt = occurredAt
    }
}

/// A slate that was served; not folded into state.
package struct ServedEvent: Hashable, Sendable {
    package struct Item: Hashable, Sendable {
        package var contentID: String
        package var propensity: Float32

        package init(contentID: String, propensity: Float32) {
            self.contentID = contentID
            self.propensity = propensity
        }
    }

    package var user: UserKey
    package var slate: Digest128
    package var requestSeed: UInt64
    package var modelVersion: UInt64
    package var items: [Item]

    package init(user: UserKey, slate: Digest128, requestSeed: UInt64, modelVersion: UInt64, items: [Item]) {
        self.user = user
        self.slate = slate
        self.requestSeed = requestSeed
        self.modelVersion = modelVersion
        self.items = items
    }
}
