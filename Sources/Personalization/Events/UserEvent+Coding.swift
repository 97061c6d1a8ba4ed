// Bodies of user events, version 1. Little-endian; "text" is a LEB128 length and UTF-8; user is the 16 bytes of the key.
//
// | kind        | body                                                                                              |
// |-------------|---------------------------------------------------------------------------------------------------|
// | interaction | user, kind u8, content text, slate 16 bytes, slot u16, surface u8, watch ms u32, occurred ms u64, |
// |             | 0 or 1 u8, then for 1: category u16, language text                                                |
// | profile     | user, presence bits u8 (1 language, 2 country, 4 device, 8 age), then the texts and the age u8    |
// | consent     | user, 0 withdrawal or 1 grant u8, count u8, ids (time u64, client u64): replaced or cancelled     |
// | erase       | user, cut ms u64                                                                                  |
// | beacon      | user, kind u8, surface u8, occurred ms u64                                                        |
// | served      | user, slate 16 bytes, seed u64, model u64, count u8, items (content text, propensity bits u32)    |
//
// A body is valid when every value is in its range and nothing is left over: one event has one encoding (S3, S5).

package import ClusterModel
package import EventLog

extension UserEvent {
    /// The only version of the bodies so far.
    package static let version: UInt16 = 1

    package var kind: RecordKind {
        switch self {
        case .interaction: .interaction
        case .profile: .profile
        case .consent: .consent
        case .erase: .erase
        case .beacon: .beacon
        case .served: .served
        }
    }

    package var user: UserKey {
        switch self {
        case .interaction(let event): event.user
        case .profile(let event): event.user
        case .consent(let event): event.user
        case .erase(let event): event.user
        case .beacon(let event): event.user
        case .served(let event): event.user
        }
    }

    package var body: [UInt8] {
        var writer = ByteWriter(reservingCapacity: 96)
        writer.write(user.digest)
        switch self {
        case .interaction(let event): event.encode(into: &writer)
        case .profile(let event): event.encode(into: &writer)
        case .consent(let event): event.encode(into: &writer)
        case .erase(let event): writer.write(event.cut.milliseconds)
        case .beacon(let event): event.encode(into: &writer)
        case .served(let event): event.encode(into: &writer)
        }
        return writer.bytes
    }

    /// Of a record of one of `kinds`. Throws for a version or a body that this reader does not understand: the log stops
    /// there (S3).
    package init(_ record: EventRecord) throws(ByteCodingError) {
        guard record.version == Self.version else {
            throw ByteCodingError(.invalidValue(field: "version of the body"), at: 0)
        }
        var reader = ByteReader(record.content)
        switch record.kind {
        case .interaction: self = .interaction(try InteractionEvent(from: &reader))
        case .profile: self = .profile(try ProfileEvent(from: &reader))
        case .consent: self = .consent(try ConsentEvent(from: &reader))
        case .erase:
            self = .erase(
                EraseEvent(user: try reader.readUser(), cut: WallTime(milliseconds: try reader.read())))
        case .beacon: self = .beacon(try BeaconEvent(from: &reader))
        case .served: self = .served(try ServedEvent(from: &reader))
        default: throw ByteCodingError(.invalidValue(field: "kind of a user event"), at: 0)
        }
        try reader.expectEnd()
    }
}

extension ByteReader {
    fileprivate mutating func readUser() throws(ByteCodingError) -> UserKey { UserKey(digest: try readDigest()) }

    fileprivate mutating func readTime() throws(ByteCodingError) -> WallTime { WallTime(milliseconds: try read()) }

    /// A raw value of a closed set.
    fileprivate mutating func readCase<T: RawRepresentable>(
        _ field: String
    ) throws(ByteCodingError) -> T where T.RawValue == UInt8 {
        let start = offset
        guard let value = T(rawValue: try read(UInt8.self)) else {
            throw ByteCodingError(.invalidValue(field: field), at: start)
        }
        return value
    }

    /// A count of at most `limit`.
    fileprivate mutating func readCount(_ field: String, limit: Int) throws(ByteCodingError) -> Int {
        let start = offset
        let count = Int(try read(UInt8.self))
        guard count <= limit else { throw ByteCodingError(.invalidValue(field: field), at: start) }
        return count
    }
}

extension InteractionEvent {
    fileprivate func encode(into writer: inout ByteWriter) {
        writer.write(kind.rawValue)
        writer.write(contentID)
        writer.write(slate)
        writer.write(slot)
        writer.write(surface.rawValue)
        writer.write(watchMilliseconds)
        writer.write(occurredAt.milliseconds)
        writer.write(UInt8(attributes == nil ? 0 : 1))
        if let attributes {
            writer.write(attributes.category)
            writer.write(attributes.language)
        }
    }

    fileprivate init(from reader: inout ByteReader) throws(ByteCodingError) {
        self.init(
            user: try reader.readUser(), kind: try reader.readCase("interaction kind"),
            contentID: try reader.readString(limit: PersonalizationLimits.contentIDBytes),
            slate: try reader.readDigest(), slot: try reader.read(), surface: Surface(rawValue: try reader.read()),
            watchMilliseconds: try reader.read(), occurredAt: try reader.readTime())
        if try reader.readCount("presence of attributes", limit: 1) == 1 {
            attributes = ItemAttributes(
                category: try reader.read(),
                language: try reader.readString(limit: PersonalizationLimits.languageBytes))
        }
    }
}

extension ProfileEvent {
    fileprivate func encode(into writer: inout ByteWriter) {
        let present = [language != nil, country != nil, deviceModel != nil, maxAgeRating != nil]
        writer.write(present.enumerated().reduce(UInt8(0)) { $1.element ? $0 | 1 << UInt8($1.offset) : $0 })
        for text in [language, country, deviceModel] { if let text { writer.write(text) } }
        if let maxAgeRating { writer.write(maxAgeRating) }
    }

    fileprivate init(from reader: inout ByteReader) throws(ByteCodingError) {
        self.init(user: try reader.readUser())
        let present = try reader.readCount("presence bits", limit: 15)
        if present & 1 != 0 { language = try reader.readString(limit: PersonalizationLimits.languageBytes) }
        if present & 2 != 0 { country = try reader.readString(limit: PersonalizationLimits.countryBytes) }
        if present & 4 != 0 { deviceModel = try reader.readString(limit: PersonalizationLimits.deviceModelBytes) }
        if present & 8 != 0 { maxAgeRating = try reader.read() }
    }
}

extension ConsentEvent {
    fileprivate func encode(into writer: inout ByteWriter) {
        switch change {
        case .withdrawal(let replaced): Self.encode(0, replaced, into: &writer)
        case .grant(let cancelled): Self.encode(1, cancelled, into: &writer)
        }
    }

    private static func encode(_ tag: UInt8, _ ids: [EventID], into writer: inout ByteWriter) {
        writer.write(tag)
        writer.write(UInt8(clamping: ids.count))
        for id in ids.prefix(Int(UInt8.max)) {
            writer.write(id.time)
            writer.write(id.client)
        }
    }

    fileprivate init(from reader: inout ByteReader) throws(ByteCodingError) {
        let user = try reader.readUser()
        let isGrant = try reader.readCount("consent change", limit: 1) == 1
        var ids: [EventID] = []
        for _ in 0..<(try reader.readCount("withdrawals", limit: PersonalizationLimits.cancelledWithdrawals)) {
            let time = try reader.read(UInt64.self)
            ids.append(EventID(time: time, client: try reader.read()))
        }
        self.init(user: user, change: isGrant ? .grant(cancelling: ids) : .withdrawal(replacing: ids))
    }
}

extension BeaconEvent {
    fileprivate func encode(into writer: inout ByteWriter) {
        writer.write(kind.rawValue)
        writer.write(surface.rawValue)
        writer.write(occurredAt.milliseconds)
    }

    fileprivate init(from reader: inout ByteReader) throws(ByteCodingError) {
        self.init(
            user: try reader.readUser(), kind: try reader.readCase("beacon kind"),
            surface: Surface(rawValue: try reader.read()), occurredAt: try reader.readTime())
    }
}

extension ServedEvent {
    fileprivate func encode(into writer: inout ByteWriter) {
        writer.write(slate)
        writer.write(requestSeed)
        writer.write(modelVersion)
        writer.write(UInt8(clamping: items.count))
        for item in items.prefix(Int(UInt8.max)) {
            writer.write(item.contentID)
            writer.write(item.propensity.bitPattern)
        }
    }

    fileprivate init(from reader: inout ByteReader) throws(ByteCodingError) {
        self.init(
            user: try reader.readUser(), slate: try reader.readDigest(), requestSeed: try reader.read(),
            modelVersion: try reader.read(), items: [])
        for _ in 0..<(try reader.readCount("items", limit: PersonalizationLimits.slateItems)) {
            let id = try reader.readString(limit: PersonalizationLimits.contentIDBytes)
            items.append(Item(contentID: id, propensity: Float32(bitPattern: try reader.read())))
        }
    }
}
