// What every data set is turned into.

package import ClusterModel

/// A content item to publish.
package struct CatalogueItem: Hashable, Sendable {
    package var id: String
    package var title: String
    /// Groups items that tell the same story; empty for none.
    package var story: String
    /// Names the item's picture in the data set; empty for none.
    package var image: String
    /// Empty for none.
    package var category: String
    /// ISO 639, lower case; empty when the data does not say.
    package var language: String
    package var publishedAt: WallTime

    package init(
        id: String, title: String, story: String = "", image: String = "", category: String = "",
        language: String = "", publishedAt: WallTime
    ) {
        self.id = id
        self.title = title
        self.story = story
        self.image = image
        self.category = category
        self.language = language
        self.publishedAt = publishedAt
    }
}

/// The kinds of interaction that the data sets hold.
package enum RecordedAction: Hashable, Sendable, CaseIterable {
    case click
    case like
    case share
    case bookmark
    case comment
    case follow
}

/// What one user did with one item, at the data's time.
package struct RecordedInteraction: Hashable, Sendable {
    package var action: RecordedAction
    package var contentID: String
    package var occurredAt: WallTime

    package init(action: RecordedAction, contentID: String, occurredAt: WallTime) {
        self.action = action
        self.contentID = contentID
        self.occurredAt = occurredAt
    }
}

/// What the data says of a user. Empty fields are unknown.
package struct RecordedProfile: Hashable, Sendable {
    package var language: String
    /// ISO 3166 alpha-2, upper case.
    package var country: String
    package var device: String

    package init(language: String = "", country: String = "", device: String = "") {
        self.language = language
        self.country = country
        self.device = device
    }

    package var isEmpty: Bool { language.isEmpty && country.isEmpty && device.isEmpty }
}

/// One visit: content is asked for, then these interactions are reported together.
package struct ReplayStep: Hashable, Sendable {
    package var userID: String
    /// There when the user's profile is new or has changed since the step before.
    package var profile: RecordedProfile?
    /// Never empty, in time order, at most `DatasetLimits.interactionsPerStep`.
    package var interactions: [RecordedInteraction]

    package init(userID: String, profile: RecordedProfile?, interactions: [RecordedInteraction]) {
        self.userID = userID
        self.profile = profile
        self.interactions = interactions
    }

    package var occurredAt: WallTime { interactions.first?.occurredAt ?? WallTime(milliseconds: 0) }
}
