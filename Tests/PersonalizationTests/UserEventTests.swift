// Bodies of user events: one event, one encoding; bytes from outside never trap (S3).

import ClusterModel
import EventLog
import NodeEnvironment
import Personalization
import Testing

@Suite struct UserEventTests {
    private static let user = UserKey(userID: "user-42")
    private static let time = WallTime(milliseconds: 1_700_000_000_000)

    private static let events: [UserEvent] = [
        .interaction(
            InteractionEvent(
                user: user, kind: .click, contentID: "test:1", attributes: ItemAttributes(category: 7, language: "en"),
                slate: Digest128(high: 1, low: 2), slot: 3, surface: .lockScreen, watchMilliseconds: 4_000,
                occurredAt: time)),
        .interaction(InteractionEvent(user: user, kind: .impression, contentID: "x", occurredAt: time)),
        .profile(ProfileEvent(user: user)),
        .profile(ProfileEvent(user: user, language: "de", country: "AT", deviceModel: "phone", maxAgeRating: 16)),
        .profile(ProfileEvent(user: user, country: "IN")),
        .consent(ConsentEvent(user: user, change: .withdrawal(replacing: [EventID(time: 3, client: 4)]))),
        .consent(ConsentEvent(user: user, change: .grant(cancelling: [EventID(time: 1, client: 2)]))),
        .erase(EraseEvent(user: user, cut: time)),
        .beacon(BeaconEvent(user: user, kind: .unlock, surface: .widget, occurredAt: time)),
        .served(
            ServedEvent(
                user: user, slate: Digest128(high: 9, low: 9), requestSeed: 5, modelVersion: 6,
                items: [ServedEvent.Item(contentID: "a", propensity: 0.25)])),
    ]

    private static func record(_ kind: RecordKind, _ body: [UInt8], version: UInt16 = 1) -> EventRecord {
        EventRecord(kind: kind, version: version, stamp: .zero, id: EventID(time: 1, client: 1), body: body)
    }

    @Test func eventsReadBack() throws {
        for event in Self.events {
            #expect(try UserEvent(Self.record(event.kind, event.body)) == event)
            #expect(event.user == Self.user)
        }
        #expect(throws: ByteCodingError.self) { try UserEvent(Self.record(.timeMark, [])) }
    }

    @Test func everyPrefixAndEveryExtensionIsRefused() {
        for event in Self.events {
            for count in 0..<event.body.count {
                #expect(throws: ByteCodingError.self) {
                    try UserEvent(Self.record(event.kind, Array(event.body.prefix(count))))
                }
            }
            #expect(throws: ByteCodingError.self) { try UserEvent(Self.record(event.kind, event.body + [0])) }
        }
    }

    @Test func aNewerVersionStopsTheLog() {
        #expect(throws: ByteCodingError.self) {
            try UserEvent(Self.record(.erase, Self.events[7].body, version: 2))
        }
    }

    /// Whatever bytes decode encode to the same bytes again: no two encodings of one event.
    @Test(arguments: 0..<3_000 as Range<UInt64>)
    func mutatedBodiesAreRefusedOrCanonical(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let event = Self.events[Int(generator.next() % UInt64(Self.events.count))]
        var body = event.body
        for _ in 0..<1 + generator.next() % 3 {
            body[Int(generator.next() % UInt64(body.count))] = UInt8(truncatingIfNeeded: generator.next())
        }
        do {
            let decoded = try UserEvent(Self.record(event.kind, body))
            #expect(decoded.body == body, "seed \(seed)")
        } catch {
            #expect(!error.description.isEmpty)
        }
    }
}
