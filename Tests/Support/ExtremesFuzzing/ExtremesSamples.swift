// Good logs, batches and records: what extremes are put into.

import ClusterModel
import EventLog
import Personalization

enum ExtremesSamples {
    static let now = WallTime(milliseconds: 1_700_000_000_000)
    static let partition = PartitionID(0)

    static func log(_ region: UInt16, _ incarnation: UInt64, topic: TopicID = .userEvents) -> LogIdentity {
        LogIdentity(
            name: LogName(region: RegionNumber(region), topic: topic, partition: partition),
            incarnation: Incarnation(startedAt: now, entropy: incarnation))
    }

    static func head(_ log: LogIdentity, end: UInt64) -> LogSummary {
        LogSummary(
            log: log, base: Offset(0), baseDigest: .zero, flushedEnd: Offset(end),
            endDigest: Digest128(high: 3, low: end), lastStamp: HybridStamp(at: now, counter: 3), epoch: Epoch(1))
    }

    static func batch(
        _ records: [EventRecord], of log: LogIdentity, at base: UInt64 = 0, after digest: Digest128 = .zero,
        compressing: Bool = false
    ) throws -> EncodedBatch {
        try EncodedBatch(
            sealing: records, of: log, epoch: Epoch(1), baseOffset: Offset(base), previousDigest: digest,
            producer: BatchHeader.Producer(id: 9, epoch: 1, sequence: 0), compressing: compressing)
    }

    static func record(_ kind: RecordKind, _ body: [UInt8], _ number: UInt16) -> EventRecord {
        EventRecord(
            kind: kind, stamp: HybridStamp(at: now, counter: number),
            id: EventID(at: now, sequence: number, client: 7), body: body)
    }

    /// The log's own records, as a line that goes on begins.
    static func beginning(of log: LogIdentity) -> [EventRecord] {
        let former = OpeningRecord.Predecessor(
            incarnation: Incarnation(startedAt: now.advanced(by: .seconds(-9)), entropy: 1), end: Offset(0),
            digest: .zero)
        let ends = EndsRecord([.init(incarnation: former.incarnation, end: Offset(0))])
        return [
            record(.opening, OpeningRecord(predecessor: former, applyVersion: StateLimits.applyVersion).body, 0),
            record(.ends, ends?.body ?? [], 1), record(.timeMark, [], 2),
        ]
    }

    static let user = UserKey(userID: "extreme")

    /// One event of each kind.
    static var events: [UserEvent] {
        let attributes = ItemAttributes(category: 3, language: "en")
        let id = EventID(at: now, sequence: 1, client: 7)
        var profile = ProfileEvent(user: user)
        profile.language = "en"
        profile.country = "DE"
        profile.maxAgeRating = 12
        let served = ServedEvent(
            user: user, slate: Digest128(high: 1, low: 2), requestSeed: 5, modelVersion: 6,
            items: [.init(contentID: "item:1", propensity: 0.5), .init(contentID: "item:2", propensity: 0.25)])
        return [
            .interaction(
                InteractionEvent(
                    user: user, kind: .click, contentID: "item:1", attributes: attributes, slot: 2,
                    watchMilliseconds: 9, occurredAt: now)),
            .interaction(InteractionEvent(user: user, kind: .impression, contentID: "item:2", occurredAt: now)),
            .profile(profile), .consent(ConsentEvent(user: user, change: .withdrawal(replacing: [id]))),
            .consent(ConsentEvent(user: user, change: .grant(cancelling: [id, id]))),
            .erase(EraseEvent(user: user, cut: now.advanced(by: .seconds(-60)))),
            .beacon(BeaconEvent(user: user, kind: .unlock, surface: .feed, occurredAt: now)), .served(served),
        ]
    }

    static var eventRecords: [EventRecord] {
        events.enumerated().map { record($1.kind, $1.body, UInt16($0 + 3)) }
    }

    static var contentRecords: [EventRecord] {
        let item = try? ContentItem(
            id: "item:1", title: "One", language: "en", category: "news", countries: ["DE", "US"], ageRating: 6,
            publishedAt: now, expiresAt: now.advanced(by: .seconds(900)))
        return item.map { [record(.content, ContentEvent.publish($0).body, 3)] } ?? []
    }

    /// A whole log: the beginning, events and content of its topic, in batches that chain.
    static func chain(_ log: LogIdentity, compressing: Bool = false) throws -> [EncodedBatch] {
        let first = try batch(beginning(of: log), of: log)
        let records = log.name.topic == .content ? contentRecords : eventRecords
        return [
            first,
            try batch(
                records, of: log, at: first.endOffset.rawValue, after: first.chainDigest, compressing: compressing),
        ]
    }

    /// A state with a little of everything in it.
    static func state() -> ShardState {
        var state = ShardState(partition: partition)
        let log = log(1, 5)
        // Where a sample cannot be made the state is emptier, and the run shows how little is taken.
        for batch in (try? chain(log)) ?? [] { _ = try? state.apply(batch) }
        return state
    }
}
