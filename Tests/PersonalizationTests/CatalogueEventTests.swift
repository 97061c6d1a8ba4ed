// Bodies of the content log: one event, one encoding; bytes from outside never trap (S3).

import ClusterModel
import EventLog
import NodeEnvironment
import Personalization
import Testing

@Suite struct CatalogueEventTests {
    private static let time = WallTime(milliseconds: 1_700_000_000_000)

    private static func events() throws -> [ContentEvent] {
        [
            .publish(
                try ContentItem(
                    id: "test:1", title: "A headline – with UTF-8", language: "pt-br", category: "Música",
                    countries: ["US", "AT", "BR", "AT"], ageRating: 18, publishedAt: time,
                    expiresAt: WallTime(milliseconds: time.milliseconds + 1))),
            .publish(try ContentItem(id: "x", publishedAt: WallTime(milliseconds: 0))),
            .withdraw(try ContentWithdrawal(id: "test:1")),
        ]
    }

    private static func record(_ body: [UInt8], kind: RecordKind = .content, version: UInt16 = 1) -> EventRecord {
        EventRecord(kind: kind, version: version, stamp: .zero, id: EventID(time: 1, client: 1), body: body)
    }

    @Test func eventsReadBack() throws {
        for event in try Self.events() {
            #expect(try ContentEvent(Self.record(event.body)) == event)
            #expect(event.kind == .content)
        }
        #expect(throws: ByteCodingError.self) { try ContentEvent(Self.record([], kind: .timeMark)) }
        #expect(throws: ByteCodingError.self) { try ContentEvent(Self.record(Self.events()[2].body, version: 2)) }
    }

    @Test func everyPrefixAndEveryExtensionIsRefused() throws {
        for event in try Self.events() {
            for count in 0..<event.body.count {
                #expect(throws: ByteCodingError.self) { try ContentEvent(body: Array(event.body.prefix(count))) }
            }
            #expect(throws: ByteCodingError.self) { try ContentEvent(body: event.body + [0]) }
        }
    }

    /// Whatever bytes decode encode to the same bytes again: no two encodings of one event.
    @Test(arguments: 0..<3_000 as Range<UInt64>) func mutatedBodiesAreRefusedOrCanonical(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let events = try Self.events()
        var body = events[Int(generator.next() % UInt64(events.count))].body
        for _ in 0..<1 + generator.next() % 3 {
            body[Int(generator.next() % UInt64(body.count))] = UInt8(truncatingIfNeeded: generator.next())
        }
        do {
            let decoded = try ContentEvent(body: body)
            #expect(decoded.body == body, "seed \(seed)")
        } catch {
            #expect(!error.description.isEmpty)
        }
    }

    @Test func whatIsOutOfBoundsIsNoItem() {
        func make(
            id: String = "a", title: String = "", language: String = "", category: String = "",
            countries: [String] = [], age: UInt8 = 0, published: UInt64 = 0, expires: UInt64? = nil
        ) -> ContentViolation? {
            do {
                _ = try ContentItem(
                    id: id, title: title, language: language, category: category, countries: countries, ageRating: age,
                    publishedAt: WallTime(milliseconds: published),
                    expiresAt: expires.map { WallTime(milliseconds: $0) })
                return nil
            } catch { return error }
        }
        func long(_ bytes: Int) -> String { String(repeating: "a", count: bytes) }
        #expect(make() == nil)
        #expect(make(id: "") == .emptyID)
        #expect(make(id: long(128), title: long(512), language: "zh-Hant-TW", category: long(64), age: 99) == nil)
        #expect(make(id: long(129)) == .tooLong(field: "content_id", bytes: 129, limit: 128))
        #expect(make(title: long(513)) == .tooLong(field: "title", bytes: 513, limit: 512))
        for text in [long(9), "-", "123", "en_US"] { #expect(make(language: text) == .language(text)) }
        #expect(make(category: long(65)) == .tooLong(field: "category", bytes: 65, limit: 64))
        #expect(make(countries: ["us"]) == .country("us"))
        #expect(make(countries: ["USA"]) == .country("USA"))
        #expect(make(countries: Array(repeating: "US", count: 257)) == .tooManyCountries(257))
        #expect(make(age: 100) == .ageRating(100))
        #expect(make(published: 1 << 48) == .time(field: "published_at"))
        #expect(make(expires: 1 << 48) == .time(field: "expires_at"))
    }

    @Test func zeroMeansNever() throws {
        let item = try ContentItem(id: "a", publishedAt: Self.time, expiresAt: WallTime(milliseconds: 0))
        #expect(item.expiresAt == nil)
    }
}
