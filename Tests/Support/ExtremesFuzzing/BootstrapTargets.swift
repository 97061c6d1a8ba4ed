// What members offer to one that bootstraps, and what it asks of them (S5).

import ClusterModel
import EventLog
import RegionMirror

/// Offered snapshots, and the downloads that they become.
struct OfferTarget: ExtremesTarget {
    let name = "offer"
    let grammar = ExtremesGrammar(bounds: [4, 64, 1 << 10, 1 << 20, 4 << 30], strides: [56])

    static let item = SnapshotItem(topic: .userEvents, partition: ExtremesSamples.partition)

    private static func snapshot(_ logs: Int) -> PublishedSnapshot {
        PublishedSnapshot(
            item: item, generation: 5, length: 6, checksum: 7,
            bases: MeshSamples.logs.prefix(logs).map { log in
                LogBase(
                    log: log, offset: Offset(9), digest: Digest128(high: 3, low: 9),
                    lastStamp: HybridStamp(at: ExtremesSamples.now, counter: 3), epoch: Epoch(1))
            })
    }

    var seeds: [[UInt8]] {
        [0, 1, 4].map { logs in
            SnapshotListReply(source: RegionNumber(1), applyVersion: 3, snapshots: [Self.snapshot(logs)]).encoded
        }
    }

    func run(_ bytes: [UInt8]) -> Bool {
        guard let reply = try? SnapshotListReply(decoding: bytes, limits: MeshSamples.limits) else { return false }
        for snapshot in reply.snapshots {
            var download = SnapshotDownload(of: snapshot, from: reply.source)
            for kept in [0, snapshot.length / 2, snapshot.length, .max] {
                download.resume(behind: kept, pieceBytes: 1 << 10)
                let request = download.next(
                    caller: RegionNumber(2), deployment: 4, incarnation: Incarnation(8), pieceBytes: 1 << 10)
                // An answer to another question changes nothing.
                _ = try? download.onPiece(SnapshotReadReply(position: request?.position ?? .max, bytes: [1]))
                download.onWritten(.max)
            }
        }
        return reply.encoded == bytes
    }
}

/// Questions for pieces, and pieces.
struct PieceTarget: ExtremesTarget {
    let name = "piece"
    let grammar = ExtremesGrammar(bounds: [1 << 10, 1 << 20, 4 << 30])

    var seeds: [[UInt8]] {
        [
            SnapshotReadRequest(
                caller: RegionNumber(1), deployment: 4, incarnation: Incarnation(8), item: OfferTarget.item,
                generation: 5,
                position: 6, maxBytes: 7
            ).encoded,
            SnapshotListRequest(
                caller: RegionNumber(1), applyVersion: 3, deployment: 4, incarnation: Incarnation(8),
                items: [OfferTarget.item]
            ).encoded,
            SnapshotReadReply(position: 6, bytes: nil).encoded,
        ]
    }

    func run(_ bytes: [UInt8]) -> Bool {
        let read = try? SnapshotReadRequest(decoding: bytes)
        let list = try? SnapshotListRequest(decoding: bytes, limits: MeshSamples.limits)
        let reply = try? SnapshotReadReply(decoding: bytes)
        return [read?.encoded, list?.encoded, reply?.encoded].contains(bytes)
    }
}
