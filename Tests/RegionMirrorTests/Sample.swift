// Logs, batches and messages to test with.

import ClusterModel
import EventLog
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
        _ log: LogIdentity, _ count: Int, epoch: UInt64 = 1, seed: UInt8 = 0, recordsEach: Int = 2
    ) throws -> [EncodedBatch] {
        var digest = Digest128.zero
        var offset = Offset.zero
        var batches: [EncodedBatch] = []
        for index in 0..<count {
            let records = (0..<recordsEach).map { part in
                EventRecord(
                    kind: .interaction, stamp: HybridStamp(rawValue: UInt64(recordsEach * index + part + 1)),
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

    /// The ends that `writer` agreed on for a log: (incarnation, end) each.
    static func ends(_ name: LogName, writer: UInt64, _ ends: [(UInt64, UInt64)]) throws -> AgreedEnds {
        let record = try #require(
            EndsRecord(ends.map { .init(incarnation: Incarnation($0.0), end: Offset($0.1)) }))
        return try #require(AgreedEnds(name: name, writer: Incarnation(writer), ends: record))
    }

    /// The first round of an origin's writer.
    static func round(_ origin: UInt16, below writer: UInt64) -> SealRound {
        SealRound(origin: RegionNumber(origin), incarnation: Incarnation(writer))
    }

    /// What a round came to for one log.
    static func collected(
        _ name: LogName, _ round: SealRound, _ ends: [(UInt64, UInt64)]
    ) throws -> CollectedEnds {
        let agreed = try Self.ends(name, writer: round.incarnation.rawValue, ends)
        return try #require(CollectedEnds(round: round, ends: [agreed]))
    }

    static func request(_ positions: [LogPoint], generation: UInt64 = 5) -> PullRequest {
        var request = PullRequest(
            follower: RegionNumber(2), applyVersion: 3, deployment: 4, incarnation: Incarnation(8),
            generation: generation, maxBytes: 6, waitMilliseconds: 7)
        request.positions = positions
        return request
    }

    static let point = LogPoint(log: log(9), offset: Offset(10), digest: Digest128(high: 11, low: 12))

    static let claim = LinkClaim(
        follower: RegionNumber(2), deployment: 4, incarnation: Incarnation(8), generation: 5)

    static let terms = RegionTerms(
        region: .init(number: RegionNumber(2), name: "r2"), others: [.init(number: RegionNumber(1), name: "r1")],
        deploymentID: "games", partitions: .standard, applyVersion: 3, oldestApplyVersion: 2, bounds: .standard,
        tokenKeys: [TokenKeyFingerprint(id: 7, fingerprint: 8)])

    static let greeting = RegionGreeting(incarnation: Incarnation(8), terms: terms)

    static let greetingReply = GreetingReply(
        .claimed, reason: "x", freshMilliseconds: 9, incarnation: Incarnation(8), terms: terms)

    static func report() -> CursorReport {
        CursorReport(
            teller: RegionNumber(2), deployment: 4, incarnation: Incarnation(8),
            cursors: [
                .init(region: RegionNumber(2), incarnation: Incarnation(8), point: point),
                .init(region: RegionNumber(3), incarnation: Incarnation(9), point: point),
            ])
    }

    static func reply() throws -> PullReply {
        var reply = PullReply(holder: RegionNumber(1), wallTime: WallTime(milliseconds: 99), generation: 5)
        let batches = try chain(log(1), 3)
        reply.waitedMicroseconds = 17
        reply.isRefusingWrites = true
        reply.applyVersion = 3
        reply.deployment = 4
        reply.incarnation = Incarnation(6)
        reply.heads = [head(batches, log(1))]
        reply.answers = [
            .init(log: log(1), .batches(batches)), .init(log: log(2), .otherChain),
            .init(log: log(3), .gap(firstAvailable: Offset(77))),
        ]
        reply.agreedEnds = [try ends(log(9).name, writer: 8, [(1, 2)])]
        return reply
    }
}
