// Prequential evaluation: each visit is first predicted, then learned from, in the order of time.

import ClusterModel
import MergeableState
import NodeEnvironment

@testable import Personalization

/// A log of clicks, replayed against the policy. Prediction of behaviour, not causal lift: there is no log of what was
/// shown.
struct RankingReplay {
    struct Click {
        var user: String
        var content: String
        var category = ""
        var kind = InteractionKind.click
        var time: WallTime
    }

    struct Outcome: CustomStringConvertible {
        var targets = 0
        /// Targets among the ten items of the policy, of its answer to nobody, of the most popular by one day's half-life.
        var personal = 0
        var anonymous = 0
        var popular = 0
        /// Expected hits of ten items drawn at random among those that the user has not had.
        var random = 0.0

        func share(_ hits: Int) -> Double { Double(hits) / Double(max(1, targets)) }
        private func percent(_ share: Double) -> String { "\((share * 1_000).rounded() / 10) %" }

        var description: String {
            "HR@10 over \(targets) targets: personal \(percent(share(personal))), nobody "
                + "\(percent(share(anonymous))), popular \(percent(share(popular))), random "
                + "\(percent(random / Double(max(1, targets))))"
        }
    }

    /// Clicks before this place only teach.
    var firstScored: Int
    /// One of so many targets is scored.
    var stride = 1
    /// Popularity is at most so old.
    var refresh: Duration = .seconds(60)

    private var catalogue = Catalogue(limit: 1 << 20)
    private var partial = PopularityPartial()
    private var totals = PopularityTotals()
    private var popularity = PopularitySnapshot()
    private var users: [String: UserState] = [:]
    private var had: [String: Set<String>] = [:]
    private var scratch = RankingScratch()
    private var outcome = Outcome()
    private var candidatesForScoring = 0

    init(firstScored: Int) { self.firstScored = firstScored }

    /// `items`: published before; others are published by their first click.
    mutating func run(_ clicks: [Click], items: [ContentItem] = []) throws -> Outcome {
        for item in items { publish(item, at: item.publishedAt) }
        for (place, click) in clicks.enumerated() {
            if catalogue.snapshot().item(id: click.content) == nil {
                publish(
                    try ContentItem(id: click.content, category: click.category, publishedAt: click.time),
                    at: click.time)
            } else if click.kind == .click, had[click.user]?.contains(click.content) != true, place >= firstScored {
                candidatesForScoring += 1
                if candidatesForScoring % stride == 0 { score(click) }
            }
            learn(click, place)
        }
        return outcome
    }

    private mutating func publish(_ item: ContentItem, at time: WallTime) {
        catalogue.apply(.publish(item), by: ContentSamples.order(time))
    }

    private mutating func score(_ click: Click) {
        if popularity.evaluatedAt.advanced(by: refresh) <= click.time {
            totals.replace(PartitionID(0), with: partial)
            popularity = totals.snapshot(at: click.time, catalogue: catalogue.snapshot())
        }
        outcome.targets += 1
        if slate(click, users[click.user]).contains(click.content) { outcome.personal += 1 }
        if slate(click, nil).contains(click.content) { outcome.anonymous += 1 }
        let seen = had[click.user] ?? []
        let known = catalogue.snapshot()
        let unseen = popularity.top(PopularitySnapshot.itemsInList, .oneDay).compactMap { known.item($0.content)?.id }
            .filter { !seen.contains($0) }
        if unseen.prefix(10).contains(click.content) { outcome.popular += 1 }
        outcome.random += 10 / Double(max(10, catalogue.liveCount - seen.count))
    }

    private mutating func slate(_ click: Click, _ user: UserState?) -> [String] {
        let query = SlateQuery(
            user: UserKey(userID: click.user), count: 10, seed: click.time.milliseconds, now: click.time)
        return SlatePolicy(epsilon: 0).slate(
            for: query, user: user, catalogue: catalogue.snapshot(), popularity: popularity, scratch: &scratch
        ).items.map(\.contentID)
    }

    private mutating func learn(_ click: Click, _ place: Int) {
        partial.add(click.kind, of: ContentKey(contentID: click.content), at: click.time)
        had[click.user, default: []].insert(click.content)
        users[click.user, default: UserState()].apply(
            .interaction(
                InteractionEvent(
                    user: UserKey(userID: click.user), kind: click.kind, contentID: click.content,
                    attributes: ItemAttributes(category: CategoryNumber.of(click.category), language: ""),
                    occurredAt: click.time)),
            by: ContentSamples.order(click.time, client: UInt64(place)), isNew: true)
    }
}
