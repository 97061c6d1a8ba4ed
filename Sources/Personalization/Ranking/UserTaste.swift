// What a user's history says, in the form that scoring reads: shares of interest by category and language.

import ClusterModel
import MergeableState

/// Derived anew for each slate from replicated integers; holds at most `maxCategories` and `maxLanguages`.
struct UserTaste: Sendable {
    struct Category: Sendable {
        var number: UInt16
        /// Of all positive interest: -1...1 (dismissals make it negative).
        var share: Float = 0
        /// Of the last actions, the newest weighing most: 0...1.
        var recent: Float = 0
    }

    static let maxCategories = 32
    static let maxLanguages = 4

    /// By descending share, ties by ascending number.
    private(set) var categories: [Category] = []
    private var languages: [(code: LanguageCode, share: Float)] = []

    init() {
        categories.reserveCapacity(Self.maxCategories + 1)
        languages.reserveCapacity(Self.maxLanguages + 1)
    }

    var isEmpty: Bool { categories.isEmpty && languages.isEmpty }

    /// Languages of positive interest, the most read first.
    var readLanguages: some Sequence<LanguageCode> { languages.lazy.filter { $0.share > 0 }.map(\.code) }

    /// Zero for a category without any, and for none. Complexity: O(categories).
    func interest(in category: UInt16) -> (share: Float, recent: Float) {
        guard category != 0, let place = categories.firstIndex(where: { $0.number == category }) else { return (0, 0) }
        return (categories[place].share, categories[place].recent)
    }

    func share(of language: LanguageCode) -> Float { languages.first { $0.code == language }?.share ?? 0 }

    /// Takes over a user's history as of `now`, in place of what was here. Allocates nothing.
    mutating func replace(with state: UserState?, at now: WallTime) {
        categories.removeAll(keepingCapacity: true)
        languages.removeAll(keepingCapacity: true)
        guard let state else { return }
        let day = now.milliseconds / StateLimits.interestBucket.wholeMilliseconds
        readCategories(state, day)
        readActions(state)
        readLanguages(state, day)
    }

    private mutating func readCategories(_ state: UserState, _ day: UInt64) {
        var total: Float = 0
        for entry in state.categories.entries where entry.key != 0 {
            let interest = Self.decayed(entry.sums, at: day)
            guard interest != 0 else { continue }
            total += max(0, interest)
            insert(Category(number: entry.key, share: interest))
        }
        for place in categories.indices { categories[place].share = Self.share(categories[place].share, of: total) }
    }

    private mutating func readActions(_ state: UserState) {
        var weight: Float = 1
        var total: Float = 0
        for _ in state.actions.entries {
            total += weight
            weight *= 0.9
        }
        weight = 1
        for entry in state.actions.entries {
            defer { weight *= 0.9 }
            guard entry.element.category != 0 else { continue }
            if let place = categories.firstIndex(where: { $0.number == entry.element.category }) {
                categories[place].recent += weight / total
            } else {
                insert(Category(number: entry.element.category, recent: weight / total))
            }
        }
    }

    private mutating func readLanguages(_ state: UserState, _ day: UInt64) {
        var total: Float = 0
        for entry in state.languages.entries {
            guard let code = LanguageCode(entry.key), code != .none else { continue }
            let interest = Self.decayed(entry.sums, at: day)
            guard interest != 0 else { continue }
            total += max(0, interest)
            let place = languages.firstIndex { ($0.share, code) < (interest, $0.code) } ?? languages.count
            languages.insert((code, interest), at: place)
            if languages.count > Self.maxLanguages { languages.removeLast() }
        }
        for place in languages.indices { languages[place].share = Self.share(languages[place].share, of: total) }
    }

    /// Keeps the order and the bound.
    private mutating func insert(_ category: Category) {
        let place =
            categories.firstIndex { ($0.share, category.number) < (category.share, $0.number) } ?? categories.count
        categories.insert(category, at: place)
        if categories.count > Self.maxCategories { categories.removeLast() }
    }

    private static func share(_ interest: Float, of total: Float) -> Float {
        total > 0 ? max(-1, interest / total) : -1
    }

    /// Sums by day with a half-life of a week; from the oldest day on, so that the order of addition is fixed.
    private static func decayed(_ sums: BucketedSums, at day: UInt64) -> Float {
        var value: Float = 0
        for bucket in sums.buckets {
            let age = bucket.index >= day ? 0 : day - bucket.index
            guard age < UInt64(dailyWeights.count) else { continue }
            value += Float(bucket.sum) * dailyWeights[Int(age)]
        }
        return value
    }

    /// 2^(-days / 7).
    private static let dailyWeights: [Float] = {
        var weight: Float = 1
        return (0..<StateLimits.interestBuckets).map { _ in
            defer { weight *= 0.905_723_66 }
            return weight
        }
    }()
}
