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
    /// Fills `chosen` with the slate before exploration, by score, ties by key: preferred candidates within the category's
    /// bound, then preferred ones beyond it, then the rest. Complexity: O(n log n) in candidates.
    mutating func choose(_ count: Int, maxInCategory: Int) {
        order.removeAll(keepingCapacity: true)
        order.append(contentsOf: candidates.indices)
        order.sort { [candidates] in Candidate.isBefore(candidates[$0], candidates[$1]) }
        take(count, preferred: true, maxInCategory: maxInCategory)
        take(count, preferred: true, maxInCategory: .max)
        take(count, preferred: false, maxInCategory: .max)
    }

    private mutating func take(_ count: Int, preferred: Bool, maxInCategory: Int) {
        for place in order where chosen.count < count && candidates[place].isPreferred == preferred {
            guard !candidates[place].isTaken, countCategory(candidates[place].category, atMost: maxInCategory) else {
                continue
            }
            candidates[place].isTaken = true
            chosen.append(place)
        }
    }

    /// Counts one more of a category; false, and nothing counted, when it is at its bound. No category has no bound.
    private mutating func countCategory(_ category: UInt16, atMost bound: Int) -> Bool {
        guard category != 0, bound < .max else { return true }
        guard let place = categoryCounts.firstIndex(where: { $0.category == category }) else {
            categoryCounts.append((category, 1))
            return true
        }
        guard categoryCounts[place].count < bound else { return false }
        categoryCounts[place].count += 1
        return true
    }
}

extension RankingScratch.Candidate {
    fileprivate static func isBefore(_ lhs: Self, _ rhs: Self) -> Bool {
        lhs.score != rhs.score ? lhs.score > rhs.score : lhs.key < rhs.key
    }
}
