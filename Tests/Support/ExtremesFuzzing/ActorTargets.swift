// Calls between actors, and what shards of other regions answer.

import ActorCluster
import ClusterModel
import EventLog
import MergeableState
import MeridianNode
import OperatorAPI
import Personalization

/// Requests, reports and the standard types behind them: the first byte says which.
struct ActorTarget: ExtremesTarget {
    let name = "actors"
    let grammar = ExtremesGrammar(
        bounds: [UInt64(WireLimits.stringBytes), UInt64(WireLimits.arrayElements), UInt64(VersionVector.maxEntries)],
        strides: [18])

    private static var report: ShardReport {
        let state = ExtremesSamples.state()
        return ShardReport(
            partition: state.partition, applyVersion: StateLimits.applyVersion, vector: state.vector,
            digest: Digest128(high: 1, low: 2), users: 3, markerRows: 6, indexedIDs: 4, unflushedRecords: 5)
    }

    var seeds: [[UInt8]] {
        [
            [0, 1, 0, 3, 0, 1, 0, 2, 0, 7, 0, 0, 0, 0, 0, 0, 0], written(1) { Self.report.encode(into: &$0) },
            written(2) { ["one", "two"].encode(into: &$0) }, written(3) { [UInt64(1), 2, 3].encode(into: &$0) },
            written(4) { [UInt8](repeating: 3, count: 9).encode(into: &$0) },
            written(5) { ExtremesSamples.log(1, 5).encode(into: &$0) }, written(6) { (-3).encode(into: &$0) },
            written(7) {
                ContentReport(
                    applyVersion: 2, vector: ExtremesSamples.state().vector, digest: Digest128(high: 1, low: 2),
                    contents: 9
                ).encode(into: &$0)
            }, written(8) { RegionCapacity(state: .active).encode(into: &$0) },
        ]
    }

    private func written(_ kind: UInt8, _ body: (inout ByteWriter) -> Void) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(kind)
        body(&writer)
        return writer.bytes
    }

    func run(_ bytes: [UInt8]) -> Bool {
        var reader = ByteReader(bytes)
        guard let kind = try? reader.read(UInt8.self) else { return false }
        switch kind {
        case 0: return (try? InvocationHeader(from: &reader)) != nil
        case 1: return (try? ShardReport(from: &reader)).map { take($0) } ?? false
        case 2: return (try? [String](from: &reader)) != nil
        case 3: return (try? [UInt64](from: &reader)) != nil
        case 4: return (try? [UInt8](from: &reader)) != nil
        case 5: return (try? LogIdentity(from: &reader)) != nil
        case 6: return (try? Int(from: &reader)) != nil
        case 7: return (try? ContentReport(from: &reader)).map { $0.vector.entries.count >= 0 } ?? false
        case 8: return (try? RegionCapacity(from: &reader)).map { take($0) } ?? false
        default: return false
        }
    }

    /// As another region's preflight weighs it.
    private func take(_ capacity: RegionCapacity) -> Bool {
        var writer = ByteWriter()
        capacity.encode(into: &writer)
        return !capacity.obstacles(to: EvacuationLoad(users: .max, callsInFlight: .max)).isEmpty
    }

    /// As an operator's question over all regions adds them up.
    private func take(_ report: ShardReport) -> Bool {
        let reports = [report, report, Self.report]
        _ = reports.reduce(0) { $0.adding(clamping: $1.unflushedRecords) }
        var vector = VersionVector()
        for entry in reports.flatMap(\.vector.entries) { vector.advance(entry) }
        var writer = ByteWriter()
        report.encode(into: &writer)
        return true
    }
}
