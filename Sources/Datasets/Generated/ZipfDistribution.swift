// Ranks drawn by Zipf's law, by inversion of the cumulative table.

import Glibc

/// Rank k in 0..<count has weight 1 / (k + 1)^exponent.
package struct ZipfDistribution: Sendable {
    private let cumulative: [Double]

    /// `count` >= 1. Complexity: O(count) time and memory, once.
    package init(count: Int, exponent: Double) {
        var sum = 0.0
        cumulative = (0..<max(1, count)).map { rank in
            sum += pow(Double(rank + 1), -exponent)
            return sum
        }
    }

    /// Complexity: O(log count).
    package func rank(using generator: inout some RandomNumberGenerator) -> Int {
        let target = Double.random(in: 0..<(cumulative.last ?? 1), using: &generator)
        var low = 0
        var high = cumulative.count - 1
        while low < high {
            let middle = (low + high) / 2
            if cumulative[middle] > target { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
