// Bodies of the content log, version 1. Little-endian; "text" is a LEB128 length and UTF-8.
//
// | event    | body                                                                                                 |
// |----------|------------------------------------------------------------------------------------------------------|
// | publish  | 1 u8, id text, title text, language text, category text, count u16, that many countries of two bytes |
// |          | (ascending, distinct), age rating u8, published ms u64, expires ms u64 (0 for never)                 |
// | withdraw | 2 u8, id text                                                                                        |
//
// A body is valid when every value is in its range and nothing is left over: one event has one encoding (S3, S5).

package import ClusterModel
package import EventLog

/// A write to the register of one content id.
package enum ContentEvent: Hashable, Sendable {
    case publish(ContentItem)
    case withdraw(ContentWithdrawal)

    package var contentID: String {
        switch self {
        case .publish(let item): item.id
        case .withdraw(let withdrawal): withdrawal.id
        }
    }
}

/// Takes an item out of every catalogue. The id stays known, so that an older publication cannot bring it back.
package struct ContentWithdrawal: Hashable, Sendable {
    package let id: String

    /// Throws for an id that no item can have.
    package init(id: String) throws(ContentViolation) {
        try ContentItem.check(id: id)
        self.id = id
    }
}

extension ContentEvent {
    /// The only version of the bodies so far.
    package static let version: UInt16 = 1

    package var kind: RecordKind { .content }

    private static let publishTag: UInt8 = 1
    private static let withdrawTag: UInt8 = 2

    package var body: [UInt8] {
        var writer = ByteWriter(reservingCapacity: 160)
        switch self {
        case .publish(let item):
            writer.write(Self.publishTag)
            item.encode(into: &writer)
        case .withdraw(let withdrawal):
            writer.write(Self.withdrawTag)
            writer.write(withdrawal.id)
        }
        return writer.bytes
    }

    /// Of a record of kind `content`. Throws for a version or a body that this reader does not understand: the log stops
    /// there (S3).
    package init(_ record: EventRecord) throws(ByteCodingError) {
        guard record.version == Self.version else {
            throw ByteCodingError(.invalidValue(field: "version of the body"), at: 0)
        }
        self = try Self(body: record.body)
    }

    package init(body: [UInt8]) throws(ByteCodingError) {
        var reader = ByteReader(body)
        switch try reader.read(UInt8.self) {
        case Self.publishTag: self = .publish(try ContentItem(from: &reader))
        case Self.withdrawTag:
            let id = try reader.readString(limit: ContentLimits.idBytes)
            do { self = .withdraw(try ContentWithdrawal(id: id)) } catch {
                throw ByteCodingError(.invalidValue(field: error.description), at: 1)
            }
        default: throw ByteCodingError(.invalidValue(field: "tag of the content event"), at: 0)
        }
        try reader.expectEnd()
    }
}

extension ContentItem {
    fileprivate func encode(into writer: inout ByteWriter) {
        for text in [id, title, language, category] { writer.write(text) }
        writer.write(UInt16(clamping: countries.count))
        for country in countries { writer.write(raw: country.utf8) }
        writer.write(ageRating)
        writer.write(publishedAt.milliseconds)
        writer.write(expiresAt?.milliseconds ?? 0)
    }

    fileprivate init(from reader: inout ByteReader) throws(ByteCodingError) {
        let id = try reader.readString(limit: ContentLimits.idBytes)
        let title = try reader.readString(limit: ContentLimits.titleBytes)
        let language = try reader.readString(limit: ContentLimits.languageBytes)
        let category = try reader.readString(limit: ContentLimits.categoryBytes)
        let countries = try Self.readCountries(from: &reader)
        let ageRating = try reader.read(UInt8.self)
        let published = WallTime(milliseconds: try reader.read())
        let expires = try reader.read(UInt64.self)
        do {
            try self.init(
                id: id, title: title, language: language, category: category, countries: countries,
                ageRating: ageRating, publishedAt: published,
                expiresAt: expires == 0 ? nil : WallTime(milliseconds: expires))
        } catch {
            throw ByteCodingError(.invalidValue(field: error.description), at: reader.offset)
        }
        // One event has one encoding: a tag in another form than the catalogue's is none here.
        guard self.language == language else {
            throw ByteCodingError(.invalidValue(field: "form of the language"), at: reader.offset)
        }
    }

    /// Refuses any order but the ascending one, so that a set of countries has one encoding.
    private static func readCountries(from reader: inout ByteReader) throws(ByteCodingError) -> [String] {
        let start = reader.offset
        let count = Int(try reader.read(UInt16.self))
        guard count <= ContentLimits.countries else {
            throw ByteCodingError(.tooLong(length: UInt64(count), limit: ContentLimits.countries), at: start)
        }
        var countries: [String] = []
        for _ in 0..<count {
            let place = reader.offset
            guard let code = String(validating: try reader.readBytes(2), as: UTF8.self) else {
                throw ByteCodingError(.invalidUTF8, at: place)
            }
            if let last = countries.last, last >= code {
                throw ByteCodingError(.invalidValue(field: "country order"), at: place)
            }
            countries.append(code)
        }
        return countries
    }
}
