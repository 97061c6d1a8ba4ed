// The kinds of records (ARCHITECTURE: reserved from the first day). A number is never given a second meaning: a reader
// that meets a kind it does not know stops that log loudly (S3).

/// What a record means. The raw value is on disk and on the wire.
package struct RecordKind: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) { self.rawValue = rawValue }

    // MARK: The log's own records

    /// The first record of an incarnation: names its predecessor (S1).
    package static let opening = RecordKind(rawValue: 1)
    /// An idle log's sign of life: moves the origin's time (S2).
    package static let timeMark = RecordKind(rawValue: 2)
    /// A new owner of the writer inside one incarnation (S15).
    package static let epochStart = RecordKind(rawValue: 3)
    /// The agreed ends of an origin's older incarnations (S1a).
    package static let ends = RecordKind(rawValue: 4)
    /// Join, forget and other links of the membership chain (S5).
    package static let membership = RecordKind(rawValue: 5)
    /// The claim that starts a replay of quarantined records (S5).
    package static let replayClaim = RecordKind(rawValue: 6)
    /// An event brought back by replay (S5).
    package static let recovered = RecordKind(rawValue: 7)

    // MARK: User events

    package static let profile = RecordKind(rawValue: 32)
    package static let interaction = RecordKind(rawValue: 33)
    package static let beacon = RecordKind(rawValue: 34)
    package static let served = RecordKind(rawValue: 35)
    package static let erase = RecordKind(rawValue: 36)
    package static let consent = RecordKind(rawValue: 37)

    // MARK: Content and models

    package static let content = RecordKind(rawValue: 64)
    package static let model = RecordKind(rawValue: 65)

    /// The log's own records that this version implements, in every topic. The others above are reserved: a reader that
    /// skipped one would go on without what it says.
    package static let implementedLogRecords: Set<RecordKind> = [.opening, .timeMark, .ends]
}
