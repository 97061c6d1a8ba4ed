// The table of a line's producers against a model that keeps everything, and its coding.

import ClusterModel
import NodeEnvironment
import Testing

@testable import EventLog

@Suite struct ProducerTableTests {
    private static let line = LogName(region: RegionNumber(1), topic: .userEvents, partition: PartitionID(3))

    private static func header(
        _ producer: BatchHeader.Producer, at base: UInt64, incarnation: UInt64 = 1, count: UInt32 = 1, time: UInt64 = 1
    ) -> BatchHeader {
        let stamp = HybridStamp(at: WallTime(milliseconds: time))
        return BatchHeader(
            codec: .none, bodyCRC: 0, log: LogIdentity(name: line, incarnation: Incarnation(incarnation)),
            epoch: Epoch(1), baseOffset: Offset(base), count: count, bodyLength: 0, rawLength: 0, firstStamp: stamp,
            lastStamp: stamp, producer: producer, previousDigest: .zero)
    }

    private static func producer(_ id: UInt64, _ epoch: UInt32, _ sequence: UInt32) -> BatchHeader.Producer {
        BatchHeader.Producer(id: id, epoch: epoch, sequence: sequence)
    }

    /// What all that was ever appended says about one more batch.
    private static func expected(
        _ producer: BatchHeader.Producer, _ all: [BatchHeader]
    ) -> Result<ProducerTable.Verdict, ProducerRefusal> {
        let own = all.filter { $0.producer.id == producer.id }
        guard let last = own.last?.producer else {
            return producer.sequence == 0 ? .success(.next) : .failure(.unknown)
        }
        if producer.epoch < last.epoch { return .failure(.fenced(current: last.epoch)) }
        let expected = producer.epoch > last.epoch ? 0 : last.sequence + 1
        if producer.sequence == expected { return .success(.next) }
        if producer.epoch > last.epoch || producer.sequence > expected { return .failure(.gap(expected: expected)) }
        let window = own.filter { $0.producer.epoch == producer.epoch }.suffix(ProducerLimits.window)
        guard let held = window.first(where: { $0.producer.sequence == producer.sequence }) else {
            return .failure(.beyondWindow(oldest: window.first?.producer.sequence ?? 0))
        }
        return .success(
            .duplicate(
                ProducerBatch(
                    sequence: producer.sequence, count: held.count, incarnation: held.log.incarnation,
                    base: held.baseOffset)))
    }

    @Test(arguments: 1...50 as ClosedRange<UInt64>)
    func everyVerdictIsThatOfTheWholeHistory(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var table = ProducerTable()
        var all: [BatchHeader] = []
        for step in 0..<400 as Range<UInt64> {
            let id = 1 + random.next() % 4
            let last = all.last { $0.producer.id == id }?.producer ?? Self.producer(id, 0, 0)
            let epoch = UInt32(
                max(0, Int(last.epoch) + Int(random.next() % 9 == 0 ? 1 : 0) - Int(random.next() % 9 == 0 ? 1 : 0)))
            let sequence =
                epoch > last.epoch
                ? UInt32(random.next() % 2)
                : UInt32(
                    max(0, Int(last.sequence) + 2 - Int(random.next() % (random.next() % 4 == 0 ? 14 : 2))))
            let producer = Self.producer(id, epoch, sequence)
            let verdict = Result { () throws(ProducerRefusal) in
                try table.verdict(on: producer, count: 1, at: HybridStamp(at: WallTime(milliseconds: step)))
            }
            #expect(verdict == Self.expected(producer, all), "seed \(seed), step \(step)")
            guard verdict == .success(.next) else { continue }
            let header = Self.header(producer, at: step, incarnation: 1 + step / 100, time: step)
            all.append(header)
            table.note(header)
        }
        #expect(all.count > 50, "seed \(seed)")
        // A start builds the same table, and an index carries it.
        var book = ProducerBook()
        for header in all { book.note(header) }
        #expect(book[Self.line] == table, "seed \(seed)")
        var writer = ByteWriter()
        book.encode(into: &writer)
        var reader = ByteReader(writer.bytes)
        let decoded = try? ProducerBook(from: &reader)
        #expect(decoded == book && reader.remaining == 0, "seed \(seed)")
    }

    @Test func theLastNumberOfAnEpochIsFollowedByANewEpochOnly() throws {
        var table = ProducerTable()
        table.note(Self.header(Self.producer(1, 0, .max), at: 0))
        #expect(throws: ProducerRefusal.self) {
            try table.verdict(on: Self.producer(1, 0, 0), count: 1, at: .zero)
        }
        let verdict = try table.verdict(on: Self.producer(1, 1, 0), count: 1, at: .zero)
        #expect(verdict == .next)
    }

    /// What comes back from elsewhere, older than what is known, changes nothing; a hole in it is not papered over.
    @Test func olderCopiesSayNothingNewAndHolesStay() throws {
        var table = ProducerTable()
        for sequence in 0..<4 as Range<UInt32> {
            table.note(Self.header(Self.producer(1, 0, sequence), at: UInt64(sequence)))
        }
        let before = table
        table.note(Self.header(Self.producer(1, 0, 2), at: 90, incarnation: 9))
        #expect(table == before)
        table.note(Self.header(Self.producer(1, 0, 7), at: 7))
        #expect(throws: ProducerRefusal.beyondWindow(oldest: 7)) {
            try table.verdict(on: Self.producer(1, 0, 5), count: 1, at: .zero)
        }
    }

    /// Books that others made do not trap, and none is taken that would not be written the same way.
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func arbitraryBooksDoNotTrap(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var book = ProducerBook()
        for step in 0..<30 as Range<UInt64> {
            book.note(Self.header(Self.producer(random.next() % 3, 0, UInt32(step)), at: step))
        }
        var writer = ByteWriter()
        book.encode(into: &writer)
        for _ in 0..<500 {
            var bytes = writer.bytes
            let place = Int(random.next() % UInt64(bytes.count))
            if random.next() % 2 == 0 {
                bytes[place] = UInt8(truncatingIfNeeded: random.next())
            } else {
                bytes.removeSubrange(place...)
            }
            var reader = ByteReader(bytes)
            guard let found = try? ProducerBook(from: &reader), reader.remaining == 0 else { continue }
            var again = ByteWriter()
            found.encode(into: &again)
            #expect(again.bytes == bytes, "seed \(seed)")
        }
    }
}
