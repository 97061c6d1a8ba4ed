// Messages of mirroring: round trips, golden bytes, damage.

import ClusterModel
import EventLog
import NodeEnvironment
import Testing

@testable import RegionMirror

@Suite struct MirrorWireTests {
    let limits = MirrorLimits()

    func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    @Test func messagesSurviveTheirEncoding() throws {
        let request = Sample.request([Sample.point])
        #expect(try PullRequest(decoding: request.encoded, limits: limits) == request)
        let report = Sample.report()
        #expect(try CursorReport(decoding: report.encoded, limits: limits) == report)
        #expect(try LinkClaim(decoding: Sample.claim.encoded) == Sample.claim)
        #expect(try RegionGreeting(decoding: Sample.greeting.encoded) == Sample.greeting)
        #expect(try GreetingReply(decoding: Sample.greetingReply.encoded) == Sample.greetingReply)
        let reply = try Sample.reply()
        #expect(reply.agreedEnds.count == 1)
        #expect(try PullReply(decoding: reply.encoded, limits: limits) == reply)
    }

    @Test func sealsSurviveTheirEncoding() throws {
        let ends = try Sample.ends(Sample.log(9).name, writer: 8, [(1, 2), (3, 0)])
        let answer = SealAnswer(lengths: [Sample.point, LogPoint(startOf: Sample.log(2))], agreed: [ends])
        var writer = ByteWriter(reservingCapacity: 64)
        answer.encode(into: &writer)
        var reader = ByteReader(writer.bytes)
        #expect(try SealAnswer(from: &reader) == answer)
        #expect(reader.remaining == 0)
    }

    @Test func roundsAndTheirEndsSurviveTheirEncoding() throws {
        let collected = try Sample.collected(Sample.log(9).name, Sample.round(1, below: 8).next, [(1, 2), (3, 0)])
        var writer = ByteWriter(reservingCapacity: 64)
        collected.round.encode(into: &writer)
        collected.encode(into: &writer)
        LiftAnswer.otherRound.encode(into: &writer)
        var reader = ByteReader(writer.bytes)
        #expect(try SealRound(from: &reader) == collected.round)
        #expect(try CollectedEnds(from: &reader) == collected)
        #expect(try LiftAnswer(from: &reader) == .otherRound)
        #expect(reader.remaining == 0)
        #expect(throws: ByteCodingError.self) {
            var reader = ByteReader([0])
            _ = try LiftAnswer(from: &reader)
        }
    }

    @Test("S1a: collected ends are of their round's origin and writer")
    func collectedEndsAreOfTheirRound() throws {
        let ends = try Sample.ends(Sample.log(9).name, writer: 8, [(1, 2)])
        for round in [Sample.round(2, below: 8), Sample.round(1, below: 9)] {
            #expect(CollectedEnds(round: round, ends: [ends]) == nil)
            var writer = ByteWriter(reservingCapacity: 64)
            round.encode(into: &writer)
            writer.writeVarint(1)
            ends.encode(into: &writer)
            #expect(throws: ByteCodingError.self) {
                var reader = ByteReader(writer.bytes)
                _ = try CollectedEnds(from: &reader)
            }
        }
    }

    private static let point =
        "0100010009000000" + "0700000000000000" + "0a00000000000000" + "000000000000000b000000000000000c"

    @Test func aPullHasTheseBytes() {
        let expected =
            "0100020003000000" + "0400000000000000" + "0800000000000000" + "0500000000000000" + "06000000" + "07000000"
            + "01" + Self.point + "00"
        #expect(hex(Sample.request([Sample.point]).encoded) == expected)
    }

    @Test func aReportHasTheseBytes() {
        let expected =
            "0100020000000000" + "0400000000000000" + "0800000000000000" + "02"
            + "0200" + "0800000000000000" + Self.point + "0000000000000000" + "0300" + "0900000000000000" + Self.point
            + "0000000000000000"
        #expect(hex(Sample.report().encoded) == expected)
    }

    @Test func aClaimHasTheseBytes() {
        let expected = "0100020000000000" + "0400000000000000" + "0800000000000000" + "0500000000000000"
        #expect(hex(Sample.claim.encoded) == expected)
    }

    private static let terms =
        "40000000" + "03000000" + "02000000" + "00000000" + "f4010000" + "88130000" + "c0270900"
        + "0200" + "027232" + "01" + "0100" + "027231" + "01" + "07000000" + "0800000000000000"

    @Test func greetingsHaveTheseBytes() {
        let deployment = hex((0..<8).map { UInt8(truncatingIfNeeded: Sample.terms.deployment >> (8 * $0)) })
        #expect(
            hex(Sample.greeting.encoded) == "0100000000000000" + "0800000000000000" + deployment + Self.terms)
        #expect(
            hex(Sample.greetingReply.encoded)
                == "0102000009000000" + "0800000000000000" + "0178" + deployment + Self.terms)
    }

    @Test func aReplyHasTheseBytes() throws {
        var reply = try Sample.reply()
        let head = try #require(reply.heads.first)
        reply.answers.removeFirst()
        let log = { (partition: Int) in "010001000\(partition)000000" + "0700000000000000" }
        let expected =
            "0201010011000000" + "6300000000000000" + "0500000000000000" + "00000000" + "03000000"
            + "0400000000000000" + "0600000000000000" + "01" + log(1) + "0000000000000000"
            + String(repeating: "0", count: 32) + "0600000000000000"
            + head.endDigest.description + "0600000000000000" + "0100000000000000"
            + "02" + log(2) + "01" + log(3) + "02" + "4d00000000000000"
            + "01" + "0100010009000000" + "01" + "0800000000000000" + "2a" + String(repeating: "0", count: 48) + "0100"
            + "0100000000000000" + "0200000000000000"
        #expect(hex(reply.encoded) == expected)
    }

    @Test func damagedMessagesAreRefusedOrReadAsOthers() throws {
        let seed: UInt64 = 20_261_125
        var generator = SeededGenerator(seed: seed)
        let frames = [
            Sample.request([Sample.point]).encoded, try Sample.reply().encoded, Sample.report().encoded,
            Sample.claim.encoded, Sample.greeting.encoded, Sample.greetingReply.encoded,
        ]
        for round in 0..<12_000 {
            var bytes = frames[round % frames.count]
            for _ in 0...generator.next() % 3 {
                bytes[Int(generator.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: generator.next())
            }
            if generator.next() % 4 == 0 { bytes.removeLast(Int(generator.next() % UInt64(bytes.count))) }
            // What still decodes has one encoding: the bytes it came from.
            do throws(MirrorError) {
                let again =
                    switch round % frames.count {
                    case 0: try PullRequest(decoding: bytes, limits: limits).encoded
                    case 1: try PullReply(decoding: bytes, limits: limits).encoded
                    case 2: try CursorReport(decoding: bytes, limits: limits).encoded
                    case 3: try LinkClaim(decoding: bytes).encoded
                    case 4: try RegionGreeting(decoding: bytes).encoded
                    default: try GreetingReply(decoding: bytes).encoded
                    }
                #expect(again == bytes, "seed \(seed) round \(round)")
            } catch {
                let known: [MirrorError.Code] = [.malformedFrame, .unknownVersion, .corruptBatch]
                #expect(known.contains(error.code), "seed \(seed) round \(round)")
            }
        }
    }

    @Test("S8: a batch that does not verify never gets past decoding")
    func damagedBatchesAreCorrupt() throws {
        let batches = try Sample.chain(Sample.log(1), 2)
        var bytes = batches[1].bytes
        bytes[bytes.count - 1] ^= 1
        var reply = try Sample.reply()
        let damaged = EncodedBatch(header: batches[1].header, bytes: bytes, chainDigest: batches[1].chainDigest)
        reply.answers = [.init(log: Sample.log(1), .batches([batches[0], damaged]))]
        let error = #expect(throws: MirrorError.self) { try PullReply(decoding: reply.encoded, limits: limits) }
        #expect(error?.code == .corruptBatch)
    }

    @Test func countsAboveTheLimitAreRefused() throws {
        var limits = limits
        limits.logs = 0
        limits.cursors = 1
        let request = Sample.request([Sample.point])
        #expect(throws: MirrorError.self) { try PullRequest(decoding: request.encoded, limits: limits) }
        #expect(throws: MirrorError.self) { try CursorReport(decoding: Sample.report().encoded, limits: limits) }
        let reply = try Sample.reply()
        #expect(throws: MirrorError.self) { try PullReply(decoding: reply.encoded, limits: limits) }
    }
}
