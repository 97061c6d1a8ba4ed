// Messages of bootstraps: round trips, golden bytes, damage.

import ClusterModel
import EventLog
import NodeEnvironment
import Testing

@testable import RegionMirror

@Suite struct SnapshotMessagesTests {
    let limits = MirrorLimits()
    static let item = SnapshotItem(topic: .userEvents, partition: PartitionID(9))

    static var snapshot: PublishedSnapshot {
        let base = LogBase(
            log: Sample.log(9), offset: Offset(10), digest: Digest128(high: 11, low: 12),
            lastStamp: HybridStamp(rawValue: 13), epoch: Epoch(14))
        let other = LogBase(
            log: Sample.log(9, region: 2), offset: Offset(3), digest: .zero, lastStamp: .zero, epoch: Epoch(0))
        return PublishedSnapshot(item: item, generation: 5, length: 6, checksum: 7, bases: [other, base])
    }

    static let list = SnapshotListRequest(
        caller: RegionNumber(2), applyVersion: 3, deployment: 4, incarnation: Incarnation(8), items: [item])
    static var listed: SnapshotListReply {
        SnapshotListReply(source: RegionNumber(1), applyVersion: 3, snapshots: [snapshot])
    }
    static let read = SnapshotReadRequest(
        caller: RegionNumber(2), deployment: 4, incarnation: Incarnation(8), item: item, generation: 5, position: 6,
        maxBytes: 7)
    static let piece = SnapshotReadReply(position: 6, bytes: [1, 2, 3])

    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    @Test func messagesSurviveTheirEncoding() throws {
        #expect(try SnapshotListRequest(decoding: Self.list.encoded, limits: limits) == Self.list)
        #expect(try SnapshotListReply(decoding: Self.listed.encoded, limits: limits) == Self.listed)
        #expect(try SnapshotReadRequest(decoding: Self.read.encoded) == Self.read)
        for reply in [Self.piece, SnapshotReadReply(position: 6, bytes: nil)] {
            #expect(try SnapshotReadReply(decoding: reply.encoded) == reply)
        }
        #expect(Self.snapshot.bases.map(\.log.name.region.rawValue) == [1, 2])
    }

    @Test func messagesHaveTheseBytes() {
        let item = "0000010009000000"
        #expect(hex(Self.list.encoded) == "0200020003000000" + "0400000000000000" + "0800000000000000" + "01" + item)
        #expect(
            hex(Self.read.encoded) == "0200020007000000" + "0400000000000000" + "0800000000000000" + item
                + "0500000000000000" + "0600000000000000")
        let checksum = CRC32C.checksum([1, 2, 3] as [UInt8])
        let digits = hex((0..<4).map { UInt8(truncatingIfNeeded: checksum >> (8 * $0)) })
        #expect(hex(Self.piece.encoded) == "01000000" + digits + "0600000000000000" + "010203")
        let base =
            "0100010009000000" + "0700000000000000" + "0a00000000000000" + "000000000000000b000000000000000c"
            + "0d00000000000000" + "0e00000000000000"
        let expected =
            "0100010003000000" + "01" + item + "0500000000000000" + "0600000000000000" + "07000000" + "02" + base
        #expect(hex(Self.listed.encoded).hasPrefix(expected))
    }

    @Test func damagedMessagesAreRefusedOrReadAsOthers() throws {
        let seed: UInt64 = 20_261_130
        var generator = SeededGenerator(seed: seed)
        let frames = [Self.list.encoded, Self.listed.encoded, Self.read.encoded, Self.piece.encoded]
        for round in 0..<12_000 {
            var bytes = frames[round % 4]
            for _ in 0...generator.next() % 3 {
                bytes[Int(generator.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: generator.next())
            }
            if generator.next() % 4 == 0 { bytes.removeLast(Int(generator.next() % UInt64(bytes.count))) }
            do throws(MirrorError) {
                let again =
                    switch round % 4 {
                    case 0: try SnapshotListRequest(decoding: bytes, limits: limits).encoded
                    case 1: try SnapshotListReply(decoding: bytes, limits: limits).encoded
                    case 2: try SnapshotReadRequest(decoding: bytes).encoded
                    default: try SnapshotReadReply(decoding: bytes).encoded
                    }
                #expect(again == bytes, "seed \(seed) round \(round)")
            } catch {
                let known: [MirrorError.Code] = [.malformedFrame, .unknownVersion]
                #expect(known.contains(error.code), "seed \(seed) round \(round)")
            }
        }
    }

    @Test("extremes in every integer are refused or bounded: nothing is reserved for them")
    func extremes() throws {
        for frame in [Self.list.encoded, Self.listed.encoded, Self.read.encoded] {
            for place in frame.indices.dropFirst(2) {
                for width in [1, 2, 4, 8] where place + width <= frame.count {
                    for fill in [UInt8(0xff), 0x80, 0x7f, 0] {
                        var bytes = frame
                        for index in place..<(place + width) { bytes[index] = fill }
                        // Whether they decode or not: no trap.
                        _ = try? SnapshotListRequest(decoding: bytes, limits: limits)
                        _ = try? SnapshotListReply(decoding: bytes, limits: limits)  // as above
                        _ = try? SnapshotReadRequest(decoding: bytes)  // as above
                    }
                }
            }
        }
        var long = Self.snapshot
        long.length = limits.snapshotBytes + 1
        let reply = SnapshotListReply(source: RegionNumber(1), applyVersion: 3, snapshots: [long])
        #expect(throws: MirrorError.self) { try SnapshotListReply(decoding: reply.encoded, limits: limits) }
    }

    @Test func aDownloadAsksForWhatIsMissing() throws {
        var download = SnapshotDownload(of: Self.snapshot, from: RegionNumber(1))
        let asked = try #require(
            download.next(caller: RegionNumber(2), deployment: 4, incarnation: Incarnation(8), pieceBytes: 4))
        #expect(asked.position == 0 && asked.maxBytes == 4 && asked.generation == 5)
        #expect(try download.onPiece(.init(position: 0, bytes: [1, 2, 3, 4])) == .write([1, 2, 3, 4], at: 0))
        download.onWritten(4)
        #expect(
            download.next(caller: RegionNumber(2), deployment: 4, incarnation: Incarnation(8), pieceBytes: 4)?.maxBytes
                == 2)
        #expect(try download.onPiece(.init(position: 4, bytes: nil)) == .gone)
        // Another place, nothing, or more than there is.
        for reply in [(0, 2), (4, 0), (4, 3)] as [(UInt64, Int)] {
            #expect(throws: MirrorError.self) {
                try download.onPiece(.init(position: reply.0, bytes: [UInt8](repeating: 1, count: reply.1)))
            }
        }
        download.onWritten(2)
        #expect(
            download.isComplete
                && download.next(caller: RegionNumber(2), deployment: 4, incarnation: Incarnation(8), pieceBytes: 4)
                    == nil
        )
    }

    @Test func aDownloadGoesOnAPieceBeforeWhereItStopped() {
        var download = SnapshotDownload(
            of: PublishedSnapshot(item: Self.item, generation: 1, length: 100, checksum: 0, bases: []),
            from: RegionNumber(1))
        for (length, position) in [(0, 0), (9, 0), (10, 0), (20, 10), (29, 10), (30, 20), (100, 90), (1 << 60, 90)] {
            download.resume(behind: UInt64(length), pieceBytes: 10)
            #expect(download.position == UInt64(position), "\(length)")
        }
    }
}
