// What is published: one content item, valid by construction, so that no log ever holds one that readers refuse.

package import ClusterModel

/// The bounds of content, beside `PersonalizationLimits`. Lengths are bytes of UTF-8.
package enum ContentLimits {
    package static let idBytes = PersonalizationLimits.contentIDBytes
    package static let titleBytes = 512
    package static let languageBytes = PersonalizationLimits.languageBytes
    package static let categoryBytes = 64
    package static let countries = 256
    package static let maxAgeRating: UInt8 = 99
}

/// Why content is refused.
package enum ContentViolation: Error, Hashable, Sendable, CustomStringConvertible {
    case emptyID
    case tooLong(field: String, bytes: Int, limit: Int)
    /// No BCP 47 tag of a language.
    case language(String)
    /// Not two capital letters.
    case country(String)
    case tooManyCountries(Int)
    case ageRating(UInt8)
    /// Beyond the 48 bits of a wall time.
    case time(field: String)

    package var description: String {
        switch self {
        case .emptyID: "the content id is empty"
        case .tooLong(let field, let bytes, let limit): "\(field) has \(bytes) bytes; at most \(limit) are allowed"
        case .language(let text):
            "language \"\(text.prefix(16))\" is no BCP 47 tag of a language, such as en, pt-BR or zh-Hant"
        case .country(let code): "country \"\(code.prefix(8))\" is not an ISO 3166 alpha-2 code in upper case"
        case .tooManyCountries(let count): "\(count) countries; at most \(ContentLimits.countries) are allowed"
        case .ageRating(let years): "an age rating of \(years); at most \(ContentLimits.maxAgeRating) is allowed"
        case .time(let field): "\(field) is beyond the year 10889"
        }
    }
}

/// One item. Immutable: whoever holds one need not check it again.
package struct ContentItem: Hashable, Sendable {
    /// 1...128 bytes.
    package let id: String
    package let title: String
    /// A `LanguageTag` in the catalogue's form; empty for every language.
    package let language: String
    /// Empty for none.
    package let category: String
    /// ISO 3166 alpha-2, ascending and distinct; empty for everywhere.
    package let countries: [String]
    /// The youngest age that may see it, in years.
    package let ageRating: UInt8
    /// Not served before.
    package let publishedAt: WallTime
    /// Not served from then on; nil for never.
    package let expiresAt: WallTime?

    /// Sorts the countries and drops repetitions; brings the language to the catalogue's form; a time of zero for `expiresAt` means never. Throws what is out of its
    /// bounds.
    package init(
        id: String, title: String = "", language: String = "", category: String = "", countries: [String] = [],
        ageRating: UInt8 = 0, publishedAt: WallTime, expiresAt: WallTime? = nil
    ) throws(ContentViolation) {
        try Self.check(id: id)
        try Self.check("title", title, limit: ContentLimits.titleBytes)
        try Self.check("category", category, limit: ContentLimits.categoryBytes)
        let tag = LanguageTag(language)
        guard tag != nil || language.isEmpty else { throw .language(language) }
        guard countries.count <= ContentLimits.countries else { throw .tooManyCountries(countries.count) }
        for code in countries where CountryNumber(code) == nil { throw .country(code) }
        guard ageRating <= ContentLimits.maxAgeRating else { throw .ageRating(ageRating) }
        guard publishedAt.milliseconds <= WallTime.mask else { throw .time(field: "published_at") }
        guard (expiresAt?.milliseconds ?? 0) <= WallTime.mask else { throw .time(field: "expires_at") }
        self.id = id
        self.title = title
        self.language = tag?.text ?? ""
        self.category = category
        self.countries = Set(countries).sorted()
        self.ageRating = ageRating
        self.publishedAt = publishedAt
        self.expiresAt = expiresAt.flatMap { $0.milliseconds == 0 ? nil : $0 }
    }

    /// The item's name inside state. Complexity: one SHA-256.
    package var key: ContentKey { ContentKey(contentID: id) }

    /// What an item token says of the item (S3). Complexity: one SHA-256.
    package var attributes: ItemAttributes {
        ItemAttributes(category: CategoryNumber.of(category), language: language)
    }

    static func check(id: String) throws(ContentViolation) {
        guard !id.isEmpty else { throw .emptyID }
        try check("content_id", id, limit: ContentLimits.idBytes)
    }

    private static func check(_ field: String, _ text: String, limit: Int) throws(ContentViolation) {
        let bytes = text.utf8.count
        guard bytes <= limit else { throw .tooLong(field: field, bytes: bytes, limit: limit) }
    }
}
