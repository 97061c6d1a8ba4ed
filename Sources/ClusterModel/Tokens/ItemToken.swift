// What a slate says of one item, authenticated, so that it can come back with an interaction and feed sums (S3).
//
// Payload inside the envelope (SealedToken): content id (LEB128 length, UTF-8, at most 128 bytes), category u16
// little-endian, language (LEB128 length, UTF-8, at most 8 bytes).

/// The attributes of an item as the server knew them when it served it.
package struct ItemToken: Hashable, Sendable {
    package static let maxContentIDBytes = 128
    package static let maxLanguageBytes = 8

    package var contentID: String
    /// As the catalogue numbers it; 0 is none.
    package var category: UInt16
    package var language: String

    package init(contentID: String, category: UInt16, language: String) {
        self.contentID = contentID
        self.category = category
        self.language = language
    }

    /// Throws `.malformed` for an id or language above its bound.
    package func sealed(with keyring: TokenKeyring) throws(TokenError) -> [UInt8] {
        guard contentID.utf8.count <= Self.maxContentIDBytes, language.utf8.count <= Self.maxLanguageBytes else {
            throw .malformed("content id or language too long")
        }
        let sealed = SealedToken.seal(.item, with: keyring, capacity: contentID.utf8.count + language.utf8.count + 5) {
            $0.write(contentID)
            $0.write(category)
            $0.write(language)
        }
        guard let bytes = sealed else { throw .malformed("too long") }
        return bytes
    }

    package init(opening bytes: [UInt8], with keyring: TokenKeyring) throws(TokenError) {
        var reader = try SealedToken.open(.item, bytes, with: keyring)
        self = try SealedToken.reading { () throws(ByteCodingError) in
            let token = ItemToken(
                contentID: try reader.readString(limit: Self.maxContentIDBytes), category: try reader.read(),
                language: try reader.readString(limit: Self.maxLanguageBytes))
            try reader.expectEnd()
            return token
        }
    }
}
