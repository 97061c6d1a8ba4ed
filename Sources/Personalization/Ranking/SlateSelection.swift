// From scored candidates to a slate: the best first, few of one category, the first slot explored.

import ClusterModel
import NodeEnvironment

/// Which item is explored, and the exact probabilities of where items stand.
///
/// Let B be the slate without exploration, m the preferred candidates and f how many of them B holds (they come first).
/// With probability 1 - e the slate is B. Otherwise one of the m, each with the same probability, takes slot 0, and the
/// items of B without it follow in order. So slot s > 0 holds B[s] when slot 0's item is among B[0..<s], which has the
/// probability 1 - e + e min(s, f) / m, and B[s - 1] otherwise.
struct Exploration: Sendable {
    let epsilon: Double
    /// m; without any, nothing is explored.
    let preferred: Int
    /// f.
    let preferredInSlate: Int

    /// The probability of B[0] in slot 0, or of another item there.
    func propensity(ofFirst isBest: Bool) -> Double {
        guard preferred > 0 else { return isBest ? 1 : 0 }
        let explored = epsilon / Double(preferred)
        return isBest ? 1 - epsilon + explored : explored
    }

    /// The probability of B[slot] (in its own place) or B[slot - 1] (moved down by one) in `slot` > 0.
    func propensity(at slot: Int, isInPlace: Bool) -> Double {
        guard preferred > 0 else { return isInPlace ? 1 : 0 }
        let ahead = epsilon * Double(min(slot, preferredInSlate)) / Double(preferred)
        return isInPlace ? 1 - epsilon + ahead : epsilon - ahead
    }
}

extension RankingScratch {
    /// Fills `chosen` with the slate before exploration: greedily by score, ties by key; preferred candidates within the
    /// category's bound, then preferred ones beyond it, then the rest. Complexity: O(count * candidates).
    mutating func choose(_ count: Int, maxInCategory: Int) {
        while chosen.count < count {
            guard
                let place = best(preferred: true, maxInCategory: maxInCategory)
                    ?? best(preferred: true, maxInCategory: .max) ?? best(preferred: false, maxInCategory: .max)
            else { return }
            candidates[place].isTaken = true
            chosen.append(place)
            countCategory(candidates[place].category)
        }
    }

    private func best(preferred: Bool, maxInCategory: Int) -> Int? {
        var best: Int?
        var bestScore = -Float.infinity
        var bestKey = ContentKey(rawValue: .max)
        for place in candidates.indices {
            let score = candidates[place].score
            guard score >= bestScore, !candidates[place].isTaken, candidates[place].isPreferred == preferred else {
                continue
            }
            let key = candidates[place].key
            if score == bestScore, best != nil, bestKey < key { continue }
            if maxInCategory < .max, count(of: candidates[place].category) >= maxInCategory { continue }
            best = place
            bestScore = score
            bestKey = key
        }
        return best
    }

    private func count(of category: UInt16) -> Int {
        category == 0 ? 0 : categoryCounts.first { $0.category == category }?.count ?? 0
    }

    private mutating func countCategory(_ category: UInt16) {
        if let place = categoryCounts.firstIndex(where: { $0.category == category }) {
            categoryCounts[place].count += 1
        } else {
            categoryCounts.append((category, 1))
        }
    }
}
