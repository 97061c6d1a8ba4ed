// Messages of mirroring: round trips, golden bytes, damage.

import ClusterModel
import EventLog
import NodeEnvironment
import Testing

@testable import RegionMirror

enum Sample {
    static func log(_ partition: UInt32, region: UInt16 = 1, incarnation: UInt64 = 7) -> LogIdentity {
        LogIdentity(
            name: LogName(region: RegionNumber(region), topic: .userEvents, partition: PartitionID(partition)),
            incarnation: Incarnation(incarnation))
    }

    /// `count` chained batches of two records each.
    static func chain(
        _ log: LogIdentity, _ count: Int, epoch: UInt64 = 1, seed: UInt8 = 0
    ) throws -> [EncodedBatch] {
        var digest = Digest128.zero
        var offset = Offset.zero
        var batches: [EncodedBatch] = []
        for index in 0..<count {
            let records = (0..<2).map { part in
                EventRecord(
                    kind: .interaction, stamp: HybridStamp(rawValue: UInt64(2 * index + part + 1)),
                    id: EventID(time: UInt64(index), client: UInt64(part)),
                    body: [seed, UInt8(truncatingIfNeeded: index)])
            }
            let batch = try EncodedBatch(
                sealing: records, of: log, epoch: Epoch(epoch), baseOffset: offset, previousDigest: digest)
            digest = batch.chainDigest
            offset = batch.endOffset
            batches.append(batch)
        }
        return batches
    }

    static func head(_ batches: [EncodedBatch], _ log: LogIdentity) -> LogSummary {
        LogSummary(
            log: log, base: .zero, baseDigest: .zero, flushedEnd: batches.last?.endOffset ?? .zero,
            endDigest: batches.last?.chainDigest ?? .zero, lastStamp: batches.last?.header.lastStamp ?? .zero,
            epoch: batches.last?.header.epoch ?? Epoch(0))
    }

    static func request() throws -> PullRequest {
        var request = PullRequest(
            follower: RegionNumber(2), applyVersion: 3, deployment: 4, generation: 5, maxBytes: 6, waitMilliseconds: 7)
        let point = LogPoint(log: log(9), offset: Offset(10), digest: Digest128(high: 11, low: 12))
        request.positions = [point]
        request.cursors = [.init(region: RegionNumber(3), point: point)]
        let ends = try #require(EndsRecord([.init(incarnation: Incarnation(1), end: Offset(2))]))
        request.agreedEnds = [AgreedEnds(name: log(9).name, writer: Incarnation(8), ends: ends)]
        return request
    }

    static func reply() throws -> PullReply {
        var reply = PullReply(holder: RegionNumber(1), wallTime: WallTime(milliseconds: 99), generation: 5)
        let batches = try chain(log(1), 3)
        reply.heads = [head(batches, log(1))]
        reply.answers = [
            .init(log: log(1), .batches(batches.map(\.bytes))), .init(log: log(2), .otherChain),
            .init(log: log(3), .gap(firstAvailable: Offset(77))),
        ]
        reply.agreedEnds = try request().agreedEnds
        return reply
    }
}

@Suite struct MirrorWireTests {
    let limits = MirrorLimits()

    @Test func messagesSurviveTheirEncoding() throws {
        let request = try Sample.request()
        #expect(try PullRequest(decoding: request.encoded, limits: limits) == request)
        let reply = try Sample.reply()
        #expect(try PullReply(decoding: reply.encoded, limits: limits) == reply)
    }

    @Test func aPullHasTheseBytes() throws {
        let hex = try Sample.request().encoded.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        let point =
            "0100010009000000" + "0700000000000000" + "0a00000000000000" + "000000000000000b000000000000000c"
        let expected =
            "0100020003000000" + "0400000000000000" + "0500000000000000" + "00000000" + "06000000" + "07000000"
            + "01" + point + "01" + "0300" + point
            + "01" + "0100010009000000" + "0800000000000000" + "12" + "0100" + "0100000000000000" + "0200000000000000"
        #expect(hex == expected)
    }

    @Test func damagedMessagesAreRefusedOrReadAsOthers() throws {
        let seed: UInt64 = 20_261_125
        var generator = SeededGenerator(seed: seed)
        let frames = (try Sample.request().encoded, try Sample.reply().encoded)
        for round in 0..<6_000 {
            var bytes = round % 2 == 0 ? frames.0 : frames.1
            for _ in 0...generator.next() % 3 {
                bytes[Int(generator.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: generator.next())
            }
            if generator.next() % 4 == 0 { bytes.removeLast(Int(generator.next() % UInt64(bytes.count))) }
            // What still decodes has one encoding: the bytes it came from.
            do {
                let again =
                    round % 2 == 0
                    ? try PullRequest(decoding: bytes, limits: limits).encoded
                    : try PullReply(decoding: bytes, limits: limits).encoded
                #expect(again == bytes, "seed \(seed) round \(round)")
            } catch {
                #expect([.malformedFrame, .unknownVersion].contains(error.code), "seed \(seed) round \(round)")
            }
        }
    }

    @Test func countsAboveTheLimitAreRefused() throws {
        var limits = limits
        limits.logs = 0
        let request = try Sample.request()
        #expect(throws: MirrorError.self) { try PullRequest(decoding: request.encoded, limits: limits) }
    }
}
