// The batch format: one encoding, every bit checked, no trap on any bytes.

import ClusterModel
import NodeEnvironment
import Testing

@testable import EventLog

/// Makes records and batches from a seed.
struct BatchSource {
    var generator: SeededGenerator
    static let log = LogIdentity(
        name: LogName(region: RegionNumber(7), topic: .userEvents, partition: PartitionID(3)),
        incarnation: Incarnation(0x0123_4567_89ab_cdef))

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func records(_ count: Int) -> [EventRecord] {
        var stamp = HybridStamp(at: WallTime(milliseconds: 1_700_000_000_000))
        return (0..<count).map { _ in
            stamp = HybridStamp(rawValue: stamp.rawValue + generator.next() % 1_000)
            let body = (0..<generator.next() % 300).map { _ in UInt8(truncatingIfNeeded: generator.next() % 7) }
            return EventRecord(
                kind: .interaction, stamp: stamp, id: EventID(time: generator.next(), client: generator.next()),
                body: body)
        }
    }
}

@Suite struct BatchTests {
    @Test(arguments: 0..<200 as Range<UInt64>)
    func sealedBatchesReadBack(seed: UInt64) throws {
        var source = BatchSource(seed: seed)
        let records = source.records(Int(1 + source.generator.next() % 40))
        let batch = try EncodedBatch(
            sealing: records, of: BatchSource.log, epoch: Epoch(2), baseOffset: Offset(seed),
            previousDigest: Digest128(high: seed, low: 1), compressing: seed % 2 == 0)
        let read = try EncodedBatch(verifying: batch.bytes)
        #expect(read == batch, "seed \(seed)")
        #expect(try read.records() == records, "seed \(seed)")
        #expect(read.endOffset == Offset(seed + UInt64(records.count)))
    }

    @Test func oneFlippedBitInAnyByteIsDetected() throws {
        var source = BatchSource(seed: 11)
        let batch = try EncodedBatch(
            sealing: source.records(5), of: BatchSource.log, epoch: Epoch(1), baseOffset: .zero, previousDigest: .zero)
        for index in batch.bytes.indices {
            for bit in 0..<8 {
                var damaged = batch.bytes
                damaged[index] ^= 1 << UInt8(bit)
                #expect(throws: BatchError.self, "byte \(index) bit \(bit)") { try EncodedBatch(verifying: damaged) }
            }
        }
    }

    @Test(arguments: 0..<2_000 as Range<UInt64>)
    func mutatedBytesNeverTrap(seed: UInt64) throws {
        var source = BatchSource(seed: seed)
        var bytes = try EncodedBatch(
            sealing: source.records(3), of: BatchSource.log, epoch: Epoch(1), baseOffset: .zero, previousDigest: .zero
        ).bytes
        for _ in 0..<1 + source.generator.next() % 4 {
            let index = Int(source.generator.next() % UInt64(bytes.count))
            bytes[index] = UInt8(truncatingIfNeeded: source.generator.next())
        }
        bytes.removeLast(Int(source.generator.next() % UInt64(bytes.count)))
        // Checksums mended, so that the checks behind them are reached.
        if bytes.count > BatchHeader.length {
            var writer = ByteWriter(appendingTo: bytes)
            writer.overwrite(writer.checksum(of: BatchHeader.length..<bytes.count), at: 12)
            writer.overwrite(writer.checksum(of: 8..<BatchHeader.length), at: 4)
            bytes = writer.bytes
        }
        do {
            _ = try EncodedBatch(verifying: bytes).records()
        } catch {
            #expect(!error.description.isEmpty)
        }
    }

    @Test func limitsAreRefused() throws {
        #expect(throws: BatchError.tooLarge) {
            try EncodedBatch(
                sealing: [], of: BatchSource.log, epoch: Epoch(1), baseOffset: .zero, previousDigest: .zero)
        }
        var writer = OriginLogWriter(log: BatchSource.log, epoch: Epoch(1))
        let huge = EventRecord(
            kind: .interaction, stamp: .zero, id: EventID(time: 1, client: 1),
            body: [UInt8](repeating: 0, count: EventRecord.maxBodyLength + 1))
        #expect(throws: BatchError.tooLarge) { try writer.append(huge) }
        #expect(writer.nextOffset == .zero)
    }

    @Test func writerGivesDenseOffsetsAndChains() throws {
        var source = BatchSource(seed: 5)
        var writer = OriginLogWriter(log: BatchSource.log, epoch: Epoch(1))
        var digest = Digest128.zero
        var expected: UInt64 = 0
        for round in 1...20 {
            for record in source.records(round) {
                #expect(try writer.append(record) == Offset(expected))
                expected += 1
            }
            let batch = try #require(try writer.seal())
            #expect(batch.extends(BatchSource.log, end: Offset(expected - UInt64(round)), digest: digest))
            digest = batch.chainDigest
        }
        #expect(try writer.seal() == nil)
    }
}
