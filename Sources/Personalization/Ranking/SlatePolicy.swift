// The serving policy: what a user is shown next.

import ClusterModel
import MergeableState
import NodeEnvironment

/// What the policy decided. The shard adds what it stands on.
package struct RankedSlate: Hashable, Sendable {
    /// By slot. Empty only when no item of the catalogue may be shown to the user at all.
    package var items: [Slate.Item]
    package var tier: ServingTier
    package var modelVersion: UInt64
}

/// A deterministic function of (user state, query, catalogue, popularity): the same inputs give the same slate on every
/// machine, and the query's seed is the only source of chance.
///
/// Candidates (`CandidateGeneration`) are scored by fixed weights over sixteen features (`ItemFeatures`) and chosen
/// greedily with a bound per category; slot 0 is explored (`Exploration`). Synchronous, lock-free, no I/O. Complexity:
/// O(n log n) in candidates, with one allocation for the slate.
package struct SlatePolicy: Sendable {
    package static let maxCandidates = 200
    /// The version of candidates, features, weights and selection, in every answer and `served` record.
    package static let modelVersion: UInt64 = 1

    /// How often slot 0 is explored, 0...1.
    package let epsilon: Double
    private let weights: RankingWeights

    package init(epsilon: Double = 0.1) {
        self.epsilon = min(1, max(0, epsilon))
        weights = .standard
    }

    /// `user`: nil for one that nobody knows. Without consent (S9) only settings of the profile and the request's context
    /// take part, not what the user did.
    package func slate(
        for query: SlateQuery, user: UserState?, catalogue: CatalogueSnapshot, popularity: PopularitySnapshot,
        scratch: inout RankingScratch
    ) -> RankedSlate {
        let inputs = RankingInputs(catalogue, popularity, query)
        let history = user.flatMap { $0.allowsPersonalization ? $0 : nil }
        let count = min(max(1, query.count), PersonalizationLimits.slateItems)
        scratch.begin(rows: inputs.index.rows.count)
        scratch.taste.replace(with: history, at: query.now)
        scratch.viewer.replace(with: query, profile: user, taste: scratch.taste)
        scratch.markSeen(by: history, inputs.index)
        scratch.collectCandidates(inputs, wanted: count)
        let mean = scratch.score(with: weights, inputs.index)
        scratch.choose(count, maxInCategory: Self.maxInCategory(of: count))
        return RankedSlate(
            items: items(query.seed, inputs.index, mean, scratch),
            tier: Self.tier(history, scratch.viewer, popularity), modelVersion: Self.modelVersion)
    }

    /// Two fifths of a slate, and at least two.
    static func maxInCategory(of count: Int) -> Int { max(2, (count * 2 + 4) / 5) }

    private static func tier(
        _ history: UserState?, _ viewer: Viewer, _ popularity: PopularitySnapshot
    ) -> ServingTier {
        if let history, !history.actions.entries.isEmpty || !history.categories.entries.isEmpty { return .personal }
        if popularity.isEmpty { return .static }
        return viewer.isKnown ? .cohort : .popular
    }

    // MARK: Exploration

    private func items(
        _ seed: UInt64, _ index: CatalogueIndex, _ mean: ScoreParts, _ scratch: RankingScratch
    ) -> [Slate.Item] {
        guard let best = scratch.chosen.first else { return [] }
        let exploration = Exploration(
            epsilon: epsilon, preferred: scratch.preferredCount,
            preferredInSlate: scratch.chosen.count { scratch.candidates[$0].isPreferred })
        let first = explored(seed, exploration.preferred) ?? best
        var items: [Slate.Item] = []
        items.reserveCapacity(scratch.chosen.count)
        append(
            scratch.candidates[first], exploration.propensity(ofFirst: first == best), to: &items, index,
            reason: first == best ? nil : .exploration, mean)
        var next = 0
        for slot in 1..<max(1, scratch.chosen.count) {
            if scratch.chosen[next] == first { next += 1 }
            append(
                scratch.candidates[scratch.chosen[next]], exploration.propensity(at: slot, isInPlace: next == slot),
                to: &items, index, reason: nil, mean)
            next += 1
        }
        return items
    }

    /// The place of the candidate that chance puts into slot 0; nil to leave it to the scores. Preferred candidates are
    /// the first ones.
    private func explored(_ seed: UInt64, _ preferred: Int) -> Int? {
        guard preferred > 0 else { return nil }
        var generator = SeededGenerator(seed: seed)
        // 53 bits: every multiple of 2^-53 below 1, each with the same probability.
        guard Double(generator.next() >> 11) * 0x1p-53 < epsilon else { return nil }
        return Int(generator.next(upperBound: UInt(preferred)))
    }

    private func append(
        _ candidate: RankingScratch.Candidate, _ propensity: Double, to items: inout [Slate.Item],
        _ index: CatalogueIndex, reason: Slate.Item.Reason?, _ mean: ScoreParts
    ) {
        guard let item = index.item(at: Int(candidate.row)) else { return }
        items.append(
            Slate.Item(
                contentID: item.id,
                attributes: ItemAttributes(category: candidate.category, language: item.language),
                slot: UInt16(items.count), propensity: Float32(propensity),
                reason: reason ?? ScoreParts(candidate.lanes).reason(over: mean)))
    }
}
