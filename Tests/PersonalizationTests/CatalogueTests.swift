// The catalogue: the same fold in every order (S3), equal digests (S10), orders that hold what they should.

import ClusterModel
import MergeableState
import NodeEnvironment
import Testing

@testable import Personalization

@Suite struct CatalogueTests {
    private typealias Write = (event: ContentEvent, order: MergeOrder)

    /// Publications and withdrawals of a few ids; times repeat, so that ties are decided by the rest of the order.
    private static func writes(_ generator: inout SeededGenerator, count: Int) throws -> [Write] {
        try (0..<count).map { place in
            let id = "item-\(generator.next() % 8)"
            let event: ContentEvent =
                if generator.next() % 4 == 0 {
                    .withdraw(try ContentWithdrawal(id: id))
                } else {
                    .publish(
                        try ContentSamples.item(
                            id, language: ["en", "de", ""][Int(generator.next() % 3)],
                            category: ["news", "sports", ""][Int(generator.next() % 3)],
                            countries: generator.next() % 2 == 0 ? [] : ["DE", "AT"],
                            hoursOld: Int(generator.next() % 3)))
                }
            let time = ContentSamples.hoursAgo(Int(generator.next() % 3))
            return (event, ContentSamples.order(time, client: generator.next() % 2, body: UInt64(place)))
        }
    }

    private static func item(_ id: String, of catalogue: inout Catalogue) -> ContentItem? {
        catalogue.snapshot().item(id: id)
    }

    private static func bytes(_ catalogue: Catalogue) -> [UInt8] {
        var writer = ByteWriter()
        catalogue.encode(into: &writer)
        return writer.bytes
    }

    @Test(arguments: 0..<60 as Range<UInt64>) func theFoldDoesNotDependOnTheOrderS3(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let writes = try Self.writes(&generator, count: 30)
        var first = Catalogue(limit: 100)
        for write in writes { first.apply(write.event, by: write.order) }
        for _ in 0..<5 {
            var other = Catalogue(limit: 1)
            // Some copies arrive twice.
            for write in (writes + writes.prefix(10)).shuffled(using: &generator) {
                other.apply(write.event, by: write.order)
                if generator.next() % 4 == 0 { _ = other.snapshot() }
            }
            #expect(other.digest == first.digest, "seed \(seed)")
            #expect(Self.bytes(other) == Self.bytes(first), "seed \(seed)")
            let (left, right) = (other.snapshot().newest(100), first.snapshot().newest(100))
            #expect(left == right, "seed \(seed)")
        }
    }

    @Test(arguments: 0..<60 as Range<UInt64>) func everyOrderHoldsWhatIsLive(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var catalogue = Catalogue(limit: 100)
        var model: [String: (order: MergeOrder, item: ContentItem?)] = [:]
        for write in try Self.writes(&generator, count: 60) {
            catalogue.apply(write.event, by: write.order)
            if let known = model[write.event.contentID], known.order >= write.order { continue }
            model[write.event.contentID] = (write.order, write.event.item)
            let snapshot = catalogue.snapshot()
            let live = model.values.compactMap(\.item).sorted {
                $0.publishedAt != $1.publishedAt ? $0.publishedAt > $1.publishedAt : $0.key < $1.key
            }
            #expect(snapshot.newest(100) == live, "seed \(seed)")
            for language in ["en", "de", ""] {
                let code = try #require(LanguageCode(language))
                #expect(snapshot.newest(100, language: code) == live.filter { $0.language == language }, "seed \(seed)")
            }
            for category in ["news", "sports", ""] {
                #expect(
                    snapshot.newest(100, category: category) == live.filter { $0.category == category }, "seed \(seed)")
            }
            for item in live {
                let number = try #require(snapshot.index.places[item.key])
                let row = snapshot.index.rows[number]
                #expect(snapshot.index.isAllowed(row, in: CountryNumber("DE")), "seed \(seed)")
                #expect(
                    snapshot.index.isAllowed(row, in: CountryNumber("US")) == item.countries.isEmpty, "seed \(seed)")
                #expect(snapshot.index.isAllowed(row, in: nil) == item.countries.isEmpty, "seed \(seed)")
            }
        }
    }

    @Test func aWithdrawalOutlivesOlderPublications() throws {
        let item = try ContentSamples.item("a")
        var catalogue = Catalogue(limit: 10)
        catalogue.apply(.withdraw(try ContentWithdrawal(id: "a")), by: ContentSamples.order(ContentSamples.hoursAgo(1)))
        let lost = catalogue.apply(.publish(item), by: ContentSamples.order(ContentSamples.hoursAgo(2)))
        #expect(!lost)
        #expect(Self.item("a", of: &catalogue) == nil)
        #expect((catalogue.count, catalogue.liveCount) == (1, 0))
        let won = catalogue.apply(.publish(item), by: ContentSamples.order(ContentSamples.hoursAgo(0)))
        #expect(won)
        #expect(Self.item("a", of: &catalogue) == item)
        #expect(Self.item("b", of: &catalogue) == nil)
    }

    @Test func onlyTheDoorAsksForRoom() throws {
        var catalogue = Catalogue(limit: 2)
        let events = try ["a", "b", "c"].map { ContentEvent.publish(try ContentSamples.item($0)) }
        #expect(catalogue.bound(met: Array(events.prefix(2))) == nil)
        #expect(catalogue.bound(met: [events[0], events[0], events[1]]) == nil)
        #expect(catalogue.bound(met: events) == .items)
        for event in events { catalogue.apply(event, by: ContentSamples.order(ContentSamples.now)) }
        #expect(catalogue.count == 3)
        #expect(catalogue.bound(met: events) == nil, "they replace what stands")
        #expect(catalogue.bound(met: [.publish(try ContentSamples.item("d"))]) == .items)
    }

    @Test func aSnapshotStaysAsItWas() throws {
        var catalogue = Catalogue(limit: 10)
        catalogue.apply(.publish(try ContentSamples.item("a")), by: ContentSamples.order(ContentSamples.hoursAgo(1)))
        let before = catalogue.snapshot()
        catalogue.apply(.publish(try ContentSamples.item("b")), by: ContentSamples.order(ContentSamples.hoursAgo(1)))
        catalogue.apply(.withdraw(try ContentWithdrawal(id: "a")), by: ContentSamples.order(ContentSamples.now))
        #expect(before.newest(10).map(\.id) == ["a"])
        let after = catalogue.snapshot()
        #expect(after.newest(10).map(\.id) == ["b"])
        #expect(after.items(after: "", limit: 5).map(\.id) == ["b"])
    }

    @Test func theEncodingReadsBackAndNoPrefixOfIt() throws {
        var generator = SeededGenerator(seed: 7)
        var catalogue = Catalogue(limit: 100)
        for write in try Self.writes(&generator, count: 20) {
            // The body digest is not stored: it has to be the body's own.
            let digest = SHA256.hash(write.event.body).prefix128.high
            catalogue.apply(write.event, by: MergeOrder(id: write.order.id, bodyDigest: digest))
        }
        let bytes = Self.bytes(catalogue)
        var reader = ByteReader(bytes)
        var restored = try Catalogue(from: &reader, limit: 100)
        #expect(reader.isAtEnd)
        #expect(restored.digest == catalogue.digest)
        let (left, right) = (restored.snapshot().newest(100), catalogue.snapshot().newest(100))
        #expect(left == right)
        for count in 0..<bytes.count {
            var reader = ByteReader(Array(bytes.prefix(count)))
            #expect(throws: ByteCodingError.self) { _ = try Catalogue(from: &reader, limit: 100) }
        }
    }

    @Test func timesAreAskedWhenAnItemIsRead() throws {
        let item = try ContentSamples.item("a", hoursOld: 2, expiresAt: ContentSamples.hoursAgo(-1))
        #expect(!item.isServed(at: ContentSamples.hoursAgo(3)))
        #expect(item.isServed(at: ContentSamples.hoursAgo(2)))
        #expect(!item.isServed(at: ContentSamples.hoursAgo(-1)))
    }

    @Test func categoriesHaveFixedNumbers() {
        #expect(CategoryNumber.of("") == 0)
        #expect(CategoryNumber.of("sports") == CategoryNumber.of("sports"))
        let numbers = Set((0..<2_000).map { CategoryNumber.of("category-\($0)") })
        #expect(!numbers.contains(0))
        #expect(numbers.count > 1_900)
    }
}
