// Which items compete: two hundred at most, from several orders of the catalogue.

import ClusterModel
import MergeableState
import NodeEnvironment

/// What a slate is made from, beside the user.
struct RankingInputs {
    let index: CatalogueIndex
    let popularity: PopularitySnapshot
    /// Seeds the sample that keeps unknown items in the running. A function of the user and the minute and not of the
    /// request's seed, so propensities over the requests' seeds are exact.
    let sampleSeed: UInt64

    init(_ catalogue: CatalogueSnapshot, _ popularity: PopularitySnapshot, _ query: SlateQuery) {
        index = catalogue.index
        self.popularity = popularity
        sampleSeed = query.user.digest.high ^ (query.now.milliseconds / 60_000)
    }
}

/// How many of each source take part.
private enum CandidateQuota {
    /// Looked at in each list of the most popular.
    static let popularInList = 24
    static let popular = 84
    static let newest = 48
    static let categories = 4
    static let popularInCategory = 8
    static let newestInCategory = 4
    static let sample =
        SlatePolicy.maxCandidates - popular - newest - categories * (popularInCategory + newestInCategory)
    /// Rows looked at for each candidate wanted, so that filters that nothing passes cost little.
    static let looks = 4
}

/// Which filters an item may have failed.
private enum Admission {
    case preferred
    case repeats
    case anyLanguage
}

extension RankingScratch {
    /// Collects what competes. Items seen before, and those of other languages, come only when there are fewer than
    /// `wanted` others: a client always gets content.
    mutating func collectCandidates(_ inputs: RankingInputs, wanted: Int) {
        collectPopular(inputs, .preferred)
        collectNewest(inputs, .preferred)
        for category in taste.categories.prefix(CandidateQuota.categories) where category.share > 0 {
            collectPopular(of: category.number, inputs)
            collect(
                newest: CandidateQuota.newestInCategory,
                of: inputs.index.ascendingByCategory[category.number] ?? [], inputs, .preferred)
        }
        collectSample(inputs)
        for admission in [Admission.repeats, .anyLanguage] where candidates.count < wanted {
            collectPopular(inputs, admission)
            collectNewest(inputs, admission)
        }
    }

    /// Marks what the user has had: impressions, clicks, dismissals.
    mutating func markSeen(by state: UserState?, _ index: CatalogueIndex) {
        guard let state else { return }
        for entry in state.seen.entries { if let row = index.places[entry.element] { markSeen(UInt32(row)) } }
        for entry in state.actions.entries {
            if let row = index.places[entry.element.content] { markSeen(UInt32(row)) }
        }
    }

    // MARK: Sources

    private mutating func collectPopular(_ inputs: RankingInputs, _ admission: Admission) {
        let bound = min(SlatePolicy.maxCandidates, candidates.count + CandidateQuota.popular)
        for halfLife in PopularityHalfLife.allCases {
            for source in 0..<sourceCount(admission) {
                let list = inputs.popularity.list(halfLife, language(of: source, admission))
                for item in list.prefix(CandidateQuota.popularInList) where candidates.count < bound {
                    guard let row = row(of: item, inputs.index) else { continue }
                    consider(row, inputs, admission) { inputs.popularity.features(at: item.place) }
                }
            }
        }
    }

    /// What moves fast in a category and what lasts.
    private mutating func collectPopular(of category: UInt16, _ inputs: RankingInputs) {
        let bound = min(SlatePolicy.maxCandidates, candidates.count + CandidateQuota.popularInCategory)
        for halfLife in [PopularityHalfLife.threeDays, .sixHours] {
            for item in inputs.popularity.list(halfLife, category: category) where candidates.count < bound {
                guard let row = row(of: item, inputs.index) else { continue }
                consider(row, inputs, .preferred) { inputs.popularity.features(at: item.place) }
            }
        }
    }

    private mutating func collectNewest(_ inputs: RankingInputs, _ admission: Admission) {
        // A second turn gives what one language did not use to the others.
        var left = CandidateQuota.newest
        let sources = sourceCount(admission)
        for turn in 0..<2 where left > 0 {
            for source in 0..<sources {
                let share = turn == 0 ? max(1, CandidateQuota.newest / sources) : left
                left -= collect(
                    newest: min(share, left), of: order(inputs.index, language(of: source, admission)), inputs,
                    admission)
            }
        }
    }

    /// From the newest on. Returns how many joined.
    @discardableResult
    private mutating func collect(
        newest quota: Int, of order: [UInt32], _ inputs: RankingInputs, _ admission: Admission
    ) -> Int {
        var joined = 0
        for number in order.suffix(quota * CandidateQuota.looks).reversed() {
            guard joined < quota, candidates.count < SlatePolicy.maxCandidates else { break }
            if considerUnlisted(number, inputs, admission) { joined += 1 }
        }
        return joined
    }

    private mutating func collectSample(_ inputs: RankingInputs) {
        var generator = SeededGenerator(seed: inputs.sampleSeed)
        var joined = 0
        let sources = sourceCount(.preferred)
        for _ in 0..<CandidateQuota.sample * CandidateQuota.looks where joined < CandidateQuota.sample {
            guard candidates.count < SlatePolicy.maxCandidates else { return }
            let source = Int(generator.next(upperBound: UInt(sources)))
            let order = order(inputs.index, language(of: source, .preferred))
            guard !order.isEmpty else { continue }
            let number = order[Int(generator.next(upperBound: UInt(order.count)))]
            if considerUnlisted(number, inputs, .preferred) { joined += 1 }
        }
    }

    // MARK: Languages as sources

    /// The viewer's languages and the items of none; one source of all where no language is known or none is asked for.
    private func sourceCount(_ admission: Admission) -> Int {
        admission == .anyLanguage || viewer.languages.isEmpty ? 1 : viewer.languages.count + 1
    }

    private func language(of source: Int, _ admission: Admission) -> LanguageCode? {
        if admission == .anyLanguage || viewer.languages.isEmpty { return nil }
        return source < viewer.languages.count ? viewer.languages[source] : LanguageCode.none
    }

    private func order(_ index: CatalogueIndex, _ language: LanguageCode?) -> [UInt32] {
        guard let language else { return index.ascending }
        return index.ascendingByLanguage[language] ?? []
    }

    // MARK: One item

    private func row(of item: PopularityLists.Item, _ index: CatalogueIndex) -> UInt32? {
        let row = Int(item.row)
        if row < index.rows.count, index.rows[row].key == item.key { return item.row }
        return index.places[item.key].map { UInt32($0) }
    }

    private mutating func considerUnlisted(
        _ number: UInt32, _ inputs: RankingInputs, _ admission: Admission
    ) -> Bool {
        consider(number, inputs, admission) { inputs.popularity.features(of: inputs.index.rows[Int(number)].key) }
    }

    /// Whether the row became a candidate.
    @discardableResult
    private mutating func consider(
        _ number: UInt32, _ inputs: RankingInputs, _ admission: Admission, features: () -> SIMD16<Float>
    ) -> Bool {
        let row = inputs.index.rows[Int(number)]
        guard !isCandidate(number), isAdmitted(row, number, admission), viewer.mayBeShown(row, inputs.index) else {
            return false
        }
        _ = markCandidate(number)
        candidates.append(
            Candidate(
                key: row.key, row: number, category: row.category, isPreferred: admission == .preferred,
                lanes: features()))
        return true
    }

    private func isAdmitted(_ row: ContentRow, _ number: UInt32, _ admission: Admission) -> Bool {
        switch admission {
        case .preferred: viewer.reads(row.language) && !isSeen(number)
        case .repeats: viewer.reads(row.language)
        case .anyLanguage: true
        }
    }
}

extension SeededGenerator {
    /// Uniform in 0..<upperBound to within 2^-64 of each; one draw, where the standard library's may need several.
    mutating func next(upperBound: UInt) -> UInt {
        UInt(next().multipliedFullWidth(by: UInt64(upperBound)).high)
    }
}
