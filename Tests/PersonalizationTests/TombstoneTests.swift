// Withdrawn ids leave the catalogue once nothing can bring them back, and never before (S3, S5, S10; Decisions/0029).

import ClusterModel
import EventLog
import MergeableState
import NodeEnvironment
import Testing

@testable import Personalization

@Suite struct TombstoneTests {
    private static func publish(_ ids: [String], _ region: TestRegion) throws -> TestRegion.Answers<PublishOutcome> {
        send(try ids.map { .publish(try ContentSamples.item($0)) }, region)
    }

    private static func withdraw(_ ids: [String], _ region: TestRegion) throws -> TestRegion.Answers<PublishOutcome> {
        send(try ids.map { .withdraw(try ContentWithdrawal(id: $0)) }, region)
    }

    private static func send(_ events: [ContentEvent], _ region: TestRegion) -> TestRegion.Answers<PublishOutcome> {
        let answers = TestRegion.Answers<PublishOutcome>()
        region.onContent { $0.publish(events, id: nil) { answers.keep($0) } }
        return answers
    }

    private static func count(_ region: TestRegion) -> Int { region.askContent { $0.state.catalogue.count } }

    private static func digest(_ region: TestRegion) -> Digest128 { region.askContent { $0.state.catalogue.digest } }

    private static func has(_ id: String, _ region: TestRegion) -> Bool {
        region.askContent { shard in
            var catalogue = shard.state.catalogue
            return catalogue.snapshot().item(id: id) != nil
        }
    }

    /// More than R + 2D.
    private static func passTime(_ loop: QueueLoop, _ regions: [TestRegion]) {
        for _ in 0..<70 {
            loop.advance(by: .seconds(10))
            for region in regions { region.onContent { $0.markTime() } }
        }
    }

    /// H1: a catalogue of a hundred places, of which two hundred items have come and gone, takes items: at once, and all its
    /// places are free once the withdrawals have had their time.
    @Test func withdrawnItemsGiveTheirPlacesBack() async throws {
        let loop = QueueLoop()
        let region = try await TestRegion(1, of: [1], loop: loop)
        for round in 0..<4 {
            let ids = (0..<50).map { "item-\(round)-\($0)" }
            #expect(try Self.publish(ids, region).value?.written == 50, "round \(round)")
            #expect(try Self.withdraw(ids, region).value?.written == 50, "round \(round)")
        }
        #expect(try Self.publish(["one more"], region).value?.written == 1)
        #expect(Self.count(region) == 201)
        Self.passTime(loop, [region])
        #expect(Self.count(region) == 1)
        #expect(try Self.publish((0..<99).map { "new-\($0)" }, region).value?.written == 99)
        #expect(try Self.publish(["too much"], region).error == .catalogueFull(.items))
        #expect(try Self.withdraw(["one more"], region).value?.written == 1)
        #expect(try Self.publish(["in its place"], region).value?.written == 1)
    }

    /// S2, S5: a publication that waits in a region that is cut off finds the tombstone, however late it comes.
    @Test func aLatePublicationBringsNothingBack() async throws {
        let loop = QueueLoop()
        let (a, b) = try await TwoRegionTests.pair(loop)
        _ = try Self.publish(["x"], b)
        loop.advance(by: .milliseconds(5))
        _ = try Self.withdraw(["x"], a)
        Self.passTime(loop, [a, b])
        #expect(Self.count(a) == 1, "b has not been heard since")
        #expect(Self.has("x", b))
        try TwoRegionTests.heal([a, b])
        #expect(!Self.has("x", a) && !Self.has("x", b))
        #expect(Self.digest(a) == Self.digest(b))
        Self.passTime(loop, [a, b])
        try TwoRegionTests.heal([a, b])
        #expect(Self.count(a) == 0 && Self.count(b) == 0)
        #expect(Self.digest(a) == .zero && Self.digest(b) == .zero)
    }

    /// S2: the catalogue's log is as idle as the catalogue, but while withdrawn ids wait for its time.
    @Test func anIdleLogMarksTimeOnlyWhileTombstonesWait() async throws {
        let loop = QueueLoop()
        let region = try await TestRegion(1, of: [1], loop: loop)
        func end() -> Offset { region.askContent { $0.appender.nextOffset } }
        _ = try Self.publish(["x"], region)
        let idle = end()
        Self.passTime(loop, [region])
        #expect(end() == idle)
        _ = try Self.withdraw(["x"], region)
        Self.passTime(loop, [region])
        let marked = end()
        #expect(marked > idle.advanced(by: 50) && Self.count(region) == 0)
        Self.passTime(loop, [region])
        #expect(end() == marked)
    }

    /// Whoever makes ids up to withdraw them fills only the room for that, and everything in the catalogue can be withdrawn.
    @Test func inventedWithdrawalsTakeNoRoomFromItems() throws {
        var catalogue = Catalogue(limit: 2)
        var client: UInt64 = 0
        func withdrawal(_ id: String) throws -> ContentEvent { .withdraw(try ContentWithdrawal(id: id)) }
        func item(_ id: String) throws -> ContentEvent { .publish(try ContentSamples.item(id)) }
        func apply(_ event: ContentEvent) {
            client += 1
            catalogue.apply(event, by: ContentSamples.order(ContentSamples.now, client: client))
        }
        for id in ["made-up-1", "made-up-2"] {
            #expect(try catalogue.bound(met: [withdrawal(id)]) == nil)
            apply(try withdrawal(id))
        }
        #expect(try catalogue.bound(met: [withdrawal("made-up-3")]) == .tombstones)
        #expect(try catalogue.bound(met: [withdrawal("made-up-2")]) == nil, "it is remembered already")
        for id in ["a", "b"] {
            #expect(try catalogue.bound(met: [item(id)]) == nil)
            apply(try item(id))
        }
        #expect(try catalogue.bound(met: [item("c")]) == .items)
        for id in ["a", "b"] {
            #expect(try catalogue.bound(met: [withdrawal(id)]) == nil)
            apply(try withdrawal(id))
        }
        for id in ["c", "d"] { apply(try item(id)) }
        for id in ["c", "d"] { apply(try withdrawal(id)) }
        #expect(catalogue.count == catalogue.registerLimit)
        #expect(try catalogue.bound(met: [item("e")]) == .tombstones)
        #expect(try catalogue.bound(met: [item("a")]) == nil, "an id that is known takes no more room")
    }

    /// A hundred thousand that may go at once go in parts: no batch waits for all of them.
    @Test func oneBatchNeverPaysForAllTombstones() throws {
        var catalogue = Catalogue(limit: 100_000)
        for number in 0..<10_000 {
            catalogue.apply(
                .withdraw(try ContentWithdrawal(id: "\(number)")), by: ContentSamples.order(ContentSamples.now))
        }
        catalogue.forget(before: ContentSamples.now)
        #expect(catalogue.count == 10_000, "none is older than the horizon")
        let later = ContentSamples.now.advanced(by: .milliseconds(1))
        catalogue.forget(before: later)
        #expect(catalogue.count == 10_000 - Catalogue.forgottenAtOnce)
        for _ in 0..<2 { catalogue.forget(before: later) }
        #expect(catalogue.count == 0)
    }

    /// One id that comes and goes is one tombstone, and one entry or none of the heap.
    @Test func anIDThatComesAndGoesCostsOneTombstone() throws {
        var catalogue = Catalogue(limit: 4)
        let (item, withdrawal) = (try ContentSamples.item("x"), try ContentWithdrawal(id: "x"))
        for time in 0..<5_000 as Range<UInt64> {
            let id = EventID(time: time << 16, client: 1)
            catalogue.apply(
                time % 3 == 0 ? .publish(item) : .withdraw(withdrawal), by: MergeOrder(id: id, bodyDigest: 0))
        }
        #expect(catalogue.count == 1 && catalogue.tombstones.heapCount <= 2 + Tombstones.slack)
        #expect(catalogue.index.rows.count == 1, "rows are used again")
    }

    /// Keys are found after others were taken out from in front of them.
    @Test(arguments: 0..<20 as Range<UInt64>) func rowsAreFoundByKeyWhateverWasTakenOut(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var table = ContentKeyTable()
        var model: [ContentKey: Int] = [:]
        for row in 0..<600 {
            // Keys that begin at few slots: long runs.
            let key = ContentKey(rawValue: generator.next() % 5 | (generator.next() % 40) << 32)
            if generator.next() % 3 == 0, let known = model[key] {
                table.remove(key, row: known)
                model[key] = nil
            } else if model[key] == nil {
                table.insert(key, row: row)
                model[key] = row
            }
            table.remove(key, row: row + 10_000)
            #expect(table.count == model.count, "seed \(seed)")
            for (key, row) in model { #expect(table[key] == row, "seed \(seed)") }
        }
    }
}
