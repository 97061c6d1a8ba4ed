// Users and content made from a seed, for machines without the data sets.

package import ClusterModel
import Glibc
import NodeEnvironment

/// A made-up population: Zipf popularity, tastes by category, languages by country, visits as a Poisson process. The
/// same seed gives the same catalogue and the same endless stream of visits. Not real data, and summaries say so.
package struct GeneratedTraffic: Sendable {
    package struct Shape: Hashable, Sendable {
        package var users = 5_000
        package var contents = 3_000
        /// Over the catalogue; 1 is Zipf's own.
        package var popularityExponent = 1.05
        /// How often a user follows taste and not the crowd, of 1.
        package var tasteShare = 0.7
        package var visitsPerSecond = 5.0
        package var startsAt = WallTime(milliseconds: 1_735_689_600_000)

        package init() {}
    }

    /// Where people live (share in per cent) and what they read.
    private static let countries: [(code: String, share: Int, languages: [String])] = [
        ("US", 34, ["en", "es"]), ("BR", 22, ["pt"]), ("IN", 18, ["hi", "en"]), ("ID", 10, ["id"]),
        ("MX", 9, ["es"]), ("DE", 7, ["de", "en"]),
    ]
    private static let categories = [
        "news", "sports", "cricket", "football", "music", "film", "games", "food", "travel", "science", "health",
        "business", "fashion", "weather", "local", "comedy",
    ]
    private static let devices = ["android-low", "android-mid", "android-high"]

    package let items: [CatalogueItem]
    private let shape: Shape
    private let users: [Person]
    private let popularity: ZipfDistribution
    private let byCategory: [[Int]]
    private var generator: SeededGenerator
    private var now: WallTime
    private var greeted: Set<Int> = []

    private struct Person: Sendable {
        var profile: RecordedProfile
        /// Indices of categories, the favourite first.
        var tastes: [Int]
    }

    package init(seed: UInt64, shape: Shape = Shape()) {
        var generator = SeededGenerator(seed: seed)
        self.shape = shape
        let catalogue = Self.makeItems(shape, &generator)
        items = catalogue.items
        byCategory = catalogue.byCategory
        users = (0..<max(1, shape.users)).map { _ in Self.makePerson(&generator) }
        popularity = ZipfDistribution(count: shape.contents, exponent: shape.popularityExponent)
        now = shape.startsAt
        self.generator = generator
    }

    /// The next visit; there is always one.
    package mutating func nextStep() -> ReplayStep {
        now = now.advanced(by: .milliseconds(exponential(mean: 1_000 / shape.visitsPerSecond)))
        let index = Int.random(in: 0..<users.count, using: &generator)
        let person = users[index]
        var at = now
        let interactions = (0..<visitLength()).map { _ in
            at = at.advanced(by: .milliseconds(exponential(mean: 20_000)))
            return RecordedInteraction(
                action: action(), contentID: items[choose(for: person)].id, occurredAt: at)
        }
        return ReplayStep(
            userID: "user-\(index)", profile: greeted.insert(index).inserted ? person.profile : nil,
            interactions: interactions)
    }

    private mutating func choose(for person: Person) -> Int {
        let follows = Double.random(in: 0..<1, using: &generator) < shape.tasteShare
        let rank = popularity.rank(using: &generator)
        guard follows else { return min(rank, items.count - 1) }
        // The favourite half of the time, the second a quarter of it, and so on.
        let place = min(person.tastes.count - 1, generator.next().trailingZeroBitCount)
        let shelf = byCategory[person.tastes[place]]
        return shelf.isEmpty ? min(rank, items.count - 1) : shelf[rank % shelf.count]
    }

    private mutating func action() -> RecordedAction {
        switch Int.random(in: 0..<100, using: &generator) {
        case 0..<86: .click
        case 86..<93: .like
        case 93..<96: .share
        case 96..<98: .bookmark
        case 98: .comment
        default: .follow
        }
    }

    /// Geometric with mean 3, cut at 16.
    private mutating func visitLength() -> Int {
        var length = 1
        while length < 16, Int.random(in: 0..<3, using: &generator) > 0 { length += 1 }
        return length
    }

    private mutating func exponential(mean: Double) -> Int {
        let uniform = Double.random(in: Double.leastNonzeroMagnitude...1, using: &generator)
        return Int(min(-log(uniform) * mean, mean * 50))
    }

    private static func makeItems(
        _ shape: Shape, _ generator: inout SeededGenerator
    ) -> (items: [CatalogueItem], byCategory: [[Int]]) {
        var byCategory = Array(repeating: [Int](), count: categories.count)
        let items = (0..<max(1, shape.contents)).map { index in
            let category = Int.random(in: 0..<categories.count, using: &generator)
            byCategory[category].append(index)
            let place = country(&generator)
            let age = Duration.seconds(Int.random(in: 0..<7 * 86_400, using: &generator))
            return CatalogueItem(
                id: "item-\(index)", title: "Made-up \(categories[category]) story \(index)", story: "story-\(index)",
                category: categories[category],
                language: place.languages[Int.random(in: 0..<place.languages.count, using: &generator)],
                publishedAt: shape.startsAt.advanced(by: .zero - age))
        }
        return (items, byCategory)
    }

    private static func makePerson(_ generator: inout SeededGenerator) -> Person {
        let place = country(&generator)
        let language = place.languages[Int.random(in: 0..<place.languages.count, using: &generator)]
        let device = devices[Int.random(in: 0..<devices.count, using: &generator)]
        let tastes = (0..<4).map { _ in Int.random(in: 0..<categories.count, using: &generator) }
        return Person(
            profile: RecordedProfile(language: language, country: place.code, device: device), tastes: tastes)
    }

    private static func country(
        _ generator: inout SeededGenerator
    ) -> (code: String, share: Int, languages: [String]) {
        var left = Int.random(in: 0..<100, using: &generator)
        for country in countries {
            if left < country.share { return country }
            left -= country.share
        }
        return countries[0]
    }
}
