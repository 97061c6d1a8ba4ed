// Whom content is shown to, as far as filters go.

import ClusterModel
import MergeableState

/// What decides whether a row may be shown at all. None of it is history: these are settings and the request's context.
struct Viewer: Sendable {
    /// A tag and what it falls back to, beside the languages of the user's history.
    static let maxLanguages = LanguageCode.maxInLookup + UserTaste.maxLanguages

    /// The languages read, the first one first; empty when none is known: then every language is shown.
    private(set) var languages: [LanguageCode] = []
    private(set) var country: CountryNumber?
    private(set) var maxAgeRating: UInt8 = .max
    private(set) var now = WallTime(milliseconds: 0)

    init() { languages.reserveCapacity(Self.maxLanguages) }

    /// The request's context goes before the profile. Languages of the user's history join the profile's, not one that
    /// the request demands. Allocates nothing.
    mutating func replace(with query: SlateQuery, profile: UserState?, taste: UserTaste) {
        now = query.now
        country = (query.country ?? profile?.country.value).flatMap(CountryNumber.init)
        maxAgeRating = profile?.maxAgeRating.value ?? .max
        languages.removeAll(keepingCapacity: true)
        if let demanded = query.language, !demanded.isEmpty { return read(demanded) }
        if let own = profile?.language.value { read(own) }
        for code in taste.readLanguages where !languages.contains(code) { languages.append(code) }
    }

    /// Who reads "pt-br" reads what is written in "pt" too (RFC 4647, lookup). `text` is in the catalogue's form.
    private mutating func read(_ text: String) {
        var code = LanguageCode(text)
        while let next = code, next != .none {
            if !languages.contains(next) { languages.append(next) }
            code = next.fallback
        }
    }

    /// Whether anything is known that narrows down what is shown.
    var isKnown: Bool { !languages.isEmpty || country != nil }

    func reads(_ language: LanguageCode) -> Bool {
        languages.isEmpty || language == .none || languages.contains(language)
    }

    /// All filters but the language: withdrawn, not yet published, expired, age rating, country.
    func mayBeShown(_ row: ContentRow, _ index: CatalogueIndex) -> Bool {
        row.isLive && row.publishedAt <= now.milliseconds && now.milliseconds < row.expiresAt
            && row.ageRating <= maxAgeRating && index.isAllowed(row, in: country)
    }
}
