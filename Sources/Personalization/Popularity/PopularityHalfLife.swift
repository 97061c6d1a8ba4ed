// The speeds at which popularity forgets, and the weights of an hour's counts at each of them.

/// P_h = sum over buckets of N_b 2^(-(t - t_b) / h), with t - t_b in whole buckets of an hour: within the hour the factor
/// is the same for every item.
package enum PopularityHalfLife: Int, Hashable, Sendable, CaseIterable {
    case oneHour
    case sixHours
    case oneDay
    case threeDays
    case twoWeeks

    package var hours: Int {
        switch self {
        case .oneHour: 1
        case .sixHours: 6
        case .oneDay: 24
        case .threeDays: 72
        case .twoWeeks: 336
        }
    }

    /// 2^(-1/h), rounded once, here: no mathematics library takes part, so all machines hold the same weights.
    fileprivate var decayOfAnHour: Double {
        switch self {
        case .oneHour: 0.5
        case .sixHours: 0.890898718140339
        case .oneDay: 0.971531941153606
        case .threeDays: 0.990419147466827
        case .twoWeeks: 0.997939188356834
        }
    }
}

/// Weights in fixed point: products and sums of integers are the same in every order (S3's spirit on the derived side).
enum PopularityWeights {
    /// 1 in fixed point. Counts up to 2^39 an item fit beside it.
    static let one: Int64 = 1 << 24

    /// The weight of a count `age` buckets ago, by half-life; ages are 0..<StateLimits.popularityBuckets.
    static func of(age: Int) -> SIMD8<Int64> { table[age] }

    private static let table: [SIMD8<Int64>] = {
        var current = SIMD8<Double>(repeating: 0)
        var decay = SIMD8<Double>(repeating: 0)
        for halfLife in PopularityHalfLife.allCases {
            current[halfLife.rawValue] = Double(one)
            decay[halfLife.rawValue] = halfLife.decayOfAnHour
        }
        return (0..<StateLimits.popularityBuckets).map { _ in
            defer { current *= decay }
            return SIMD8<Int64>(current, rounding: .toNearestOrEven)
        }
    }()
}
