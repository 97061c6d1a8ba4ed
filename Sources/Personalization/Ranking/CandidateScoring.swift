// Scores of all candidates, and what sets one apart from the others.

import ClusterModel

extension RankingScratch {
    /// How many candidates passed every filter. They are the first in `candidates`.
    var preferredCount: Int { candidates.count { $0.isPreferred } }

    /// Completes the features of all candidates and scores them. Returns the mean parts of a score.
    mutating func score(with weights: RankingWeights, _ index: CatalogueIndex) -> ScoreParts {
        var sum = SIMD16<Float>(repeating: 0)
        let hasTaste = !taste.isEmpty
        for place in candidates.indices {
            let row = index.rows[Int(candidates[place].row)]
            var lanes = candidates[place].lanes
            ItemFeatures.addRecency(publishedAt: row.publishedAt, now: viewer.now, to: &lanes)
            if hasTaste { ItemFeatures.addAffinity(taste, category: row.category, language: row.language, to: &lanes) }
            lanes *= weights.lanes
            candidates[place].lanes = lanes
            candidates[place].score = RankingWeights.total(lanes)
            sum += lanes
        }
        return ScoreParts(sum / Float(max(1, candidates.count)))
    }
}

extension ScoreParts {
    /// The part that lifts an item most above the mean candidate; popularity where none does.
    func reason(over mean: ScoreParts) -> Slate.Item.Reason {
        let lifts = (
            affinity: affinity - mean.affinity, recency: recency - mean.recency,
            popularity: popularity - mean.popularity
        )
        if lifts.affinity > 0, lifts.affinity >= lifts.popularity, lifts.affinity >= lifts.recency { return .affinity }
        return lifts.recency > lifts.popularity ? .recency : .popularity
    }
}
