// Content, histories and clocks for the tests of catalogue, popularity and ranking.

import ClusterModel
import MergeableState
import NodeEnvironment

@testable import Personalization

enum ContentSamples {
    static let now = WallTime(milliseconds: 1_735_689_600_000)

    static func hoursAgo(_ hours: Int) -> WallTime { now.advanced(by: .seconds(-3_600 * hours)) }

    static func order(_ time: WallTime, client: UInt64 = 1, body: UInt64 = 0) -> MergeOrder {
        MergeOrder(id: EventID(at: time, sequence: 0, client: client), bodyDigest: body)
    }

    static func item(
        _ id: String, language: String = "en", category: String = "news", countries: [String] = [],
        ageRating: UInt8 = 0, hoursOld: Int = 24, expiresAt: WallTime? = nil
    ) throws -> ContentItem {
        try ContentItem(
            id: id, title: "Title of \(id)", language: language, category: category, countries: countries,
            ageRating: ageRating, publishedAt: hoursAgo(hoursOld), expiresAt: expiresAt)
    }

    static func catalogue(_ items: [ContentItem]) -> CatalogueSnapshot {
        var catalogue = Catalogue(limit: 100_000)
        for (place, item) in items.enumerated() {
            catalogue.apply(.publish(item), by: order(hoursAgo(0), client: UInt64(place)))
        }
        return catalogue.snapshot()
    }

    /// `clicks` of each id, `hours` ago.
    static func popularity(
        _ clicks: [(id: String, clicks: Int, hours: Int)], _ catalogue: CatalogueSnapshot
    ) -> PopularitySnapshot {
        var partial = PopularityPartial()
        for entry in clicks {
            for _ in 0..<entry.clicks {
                partial.add(.click, of: ContentKey(contentID: entry.id), at: hoursAgo(entry.hours))
            }
        }
        var totals = PopularityTotals()
        totals.replace(PartitionID(0), with: partial)
        return totals.snapshot(at: now, catalogue: catalogue)
    }

    static let user = UserKey(userID: "user-42")

    static func query(count: Int = 10, seed: UInt64 = 1, language: String? = nil, country: String? = nil) -> SlateQuery
    {
        SlateQuery(user: user, count: count, language: language, country: country, seed: seed, now: now)
    }

    /// Folds interactions as a shard does.
    static func history(
        _ interactions: [(kind: InteractionKind, id: String, category: String)], language: String? = nil
    ) -> UserState {
        var state = UserState()
        for (place, interaction) in interactions.enumerated() {
            let time = hoursAgo(2).advanced(by: .seconds(place))
            let attributes = ItemAttributes(category: CategoryNumber.of(interaction.category), language: "en")
            state.apply(
                .interaction(
                    InteractionEvent(
                        user: user, kind: interaction.kind, contentID: interaction.id, attributes: attributes,
                        occurredAt: time)), by: order(time), isNew: true)
        }
        if let language {
            state.apply(
                .profile(ProfileEvent(user: user, language: language)), by: order(hoursAgo(3)), isNew: true)
        }
        return state
    }
}
