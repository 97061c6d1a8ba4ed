// What a score is made of: sixteen numbers an item, and their weights.
//
// | lane  | feature                                                        | group      |
// |-------|----------------------------------------------------------------|------------|
// | 0-4   | log2(1 + P_h), h = 1, 6, 24, 72, 336 hours                     | popularity |
// | 5     | 14 - log2(1 + age in hours), at least 0 (two years)            | recency    |
// | 6     | 1 / (1 + age in hours)                                         | recency    |
// | 7     | strong feedback over clicks, smoothed                          | popularity |
// | 8     | clicks over impressions, smoothed                              | popularity |
// | 9     | bonus for what few have been shown (UCB)                       | recency    |
// | 10    | the category's share of the user's interest                    | affinity   |
// | 11    | the language's share of the user's interest                    | affinity   |
// | 12    | the category's share of the user's last actions                | affinity   |
// | 13    | 9 - log2(1 + hours since the last click), at least 0           | popularity |
// | 14    | log2(1 + clicks in the window)                                 | popularity |
// | 15    | lane 10 times lane 5                                           | affinity   |

import ClusterModel

/// Features in Float32. Each operation is rounded by itself and sums have one order (`RankingWeights.total`), so every
/// machine computes the same bits.
enum ItemFeatures {
    /// The lanes of popularity; the others are zero.
    static func popularity(of item: PopularitySums.Item, impressionsOfAll: Int64) -> SIMD16<Float> {
        var lanes = SIMD16<Float>(repeating: 0)
        for halfLife in PopularityHalfLife.allCases {
            let score = Float(item.scores[halfLife.rawValue]) / Float(PopularityWeights.one)
            lanes[halfLife.rawValue] = PortableLogarithm.ofOnePlus(score)
        }
        let clicks = Float(max(0, item.counts.clicks))
        // Clicks can arrive without their impressions.
        let shown = max(Float(max(0, item.counts.impressions)), clicks)
        let rate = (clicks + 1) / (shown + 61)
        lanes[7] = Float(max(0, item.counts.strong)) / (clicks + 8)
        lanes[8] = rate
        lanes[9] = bonus(rate: rate, shown: shown, ofAll: Float(max(0, impressionsOfAll)))
        if item.hoursSinceClick != .max {
            lanes[13] = max(0, 9 - PortableLogarithm.ofOnePlus(Float(item.hoursSinceClick)))
        }
        lanes[14] = PortableLogarithm.ofOnePlus(clicks)
        return lanes
    }

    /// Adds the lanes of recency.
    static func addRecency(publishedAt: UInt64, now: WallTime, to lanes: inout SIMD16<Float>) {
        let age = Float(now.milliseconds - min(now.milliseconds, publishedAt)) / 3_600_000
        lanes[5] = max(0, 14 - PortableLogarithm.ofOnePlus(age))
        lanes[6] = 1 / (1 + age)
    }

    /// Adds the lanes of affinity. Lane 5 has to be there already.
    static func addAffinity(_ taste: UserTaste, category: UInt16, language: LanguageCode, to lanes: inout SIMD16<Float>)
    {
        let interest = taste.interest(in: category)
        lanes[10] = interest.share
        lanes[11] = taste.share(of: language)
        lanes[12] = interest.recent
        lanes[15] = interest.share * lanes[5]
    }

    /// 0.25 sqrt(2 m (1 - m) ln(N + 2) / (n + 1)): the variance-scaled upper confidence bound of a click rate.
    private static func bonus(rate: Float, shown: Float, ofAll: Float) -> Float {
        let logarithm = PortableLogarithm.ofOnePlus(ofAll + 1) * 0.693_147_2
        return 0.25 * (2 * rate * (1 - rate) * logarithm / (shown + 1)).squareRoot()
    }
}

/// The fixed weights of the policy.
struct RankingWeights: Sendable {
    let lanes: SIMD16<Float>

    static let standard = RankingWeights(
        lanes: SIMD16(
            0.9, 0.3, 0.2, 0.05, 0.0, 0.25, 1.5, 0.4, 0.5, 0.5, 2.0, 0.5, 1.5, 0.15, 0.0, 0.1))

    /// The sum of sixteen lanes in one fixed order: halves onto each other, four times.
    static func total(_ lanes: SIMD16<Float>) -> Float {
        let eight = lanes.lowHalf + lanes.highHalf
        let four = eight.lowHalf + eight.highHalf
        let two = four.lowHalf + four.highHalf
        return two.x + two.y
    }
}

/// How much of a score each group of features makes up.
struct ScoreParts: Sendable {
    var popularity: Float
    var recency: Float
    var affinity: Float

    /// `weighted`: features times weights.
    init(_ weighted: SIMD16<Float>) {
        popularity =
            weighted[0] + weighted[1] + weighted[2] + weighted[3] + weighted[4] + weighted[7] + weighted[8]
            + weighted[13] + weighted[14]
        recency = weighted[5] + weighted[6] + weighted[9]
        affinity = weighted[10] + weighted[11] + weighted[12] + weighted[15]
    }
}
