// Snapshots with their checksum made right: what stands outside the digest is then believed.

import ClusterModel
import EventLog
import MergeableState
import Personalization

struct ShardSnapshotTarget: ExtremesTarget {
    let name = "shard-snapshot"
    let grammar = ExtremesGrammar(
        bounds: [UInt64(UInt16.max), UInt64(UInt32.max), UInt64(EndsRecord.maxEnds), WallTime.mask],
        strides: [24, 32, 16])

    var seeds: [[UInt8]] {
        [
            ShardSnapshot.encode(ShardState(partition: ExtremesSamples.partition)),
            ShardSnapshot.encode(ExtremesSamples.state()),
        ]
    }

    func seal(_ bytes: inout [UInt8]) { Checksums.sealWhole(&bytes) }

    func run(_ bytes: [UInt8]) -> Bool {
        guard var state = try? ShardSnapshot.decode(bytes, partition: ExtremesSamples.partition) else { return false }
        for batch in (try? ExtremesSamples.chain(ExtremesSamples.log(1, 5))) ?? [] { _ = try? state.apply(batch) }
        for batch in (try? ExtremesSamples.chain(ExtremesSamples.log(3, 7))) ?? [] { _ = try? state.apply(batch) }
        state.forget(members: [1, 2, 3].map { RegionNumber($0) }, bounds: .standard)
        state.forget(members: [RegionNumber(1)], bounds: .standard)
        _ = (state.lines.exceedsAgreedEnds, state.lines.outcome(of: state.vector).isSatisfied, state.digest())
        for ends in state.agreedEnds(of: .userEvents, ExtremesSamples.partition) { state.learn(ends) }
        for entry in state.vector.entries {
            _ = state.lines.covered(of: entry.incarnation, in: entry.region)
            _ = state.lines.verdict(on: .init(region: entry.region, incarnation: entry.incarnation, next: Offset(.max)))
        }
        _ = ShardSnapshot.encode(state)
        var totals = PopularityTotals()
        totals.replace(ExtremesSamples.partition, with: state.popularity)
        _ = totals.snapshot(at: ExtremesSamples.now, catalogue: CatalogueSnapshot())
        return true
    }
}

struct ContentSnapshotTarget: ExtremesTarget {
    let name = "content-snapshot"
    let grammar = ExtremesGrammar(bounds: [256, 99, 4, WallTime.mask, UInt64(UInt32.max)], strides: [16, 24])

    var seeds: [[UInt8]] {
        var state = ContentState(limit: 4)
        let log = ExtremesSamples.log(1, 5, topic: .content)
        for batch in (try? ExtremesSamples.chain(log)) ?? [] { _ = try? state.apply(batch) }
        return [ContentSnapshot.encode(ContentState(limit: 4)), ContentSnapshot.encode(state)]
    }

    func seal(_ bytes: inout [UInt8]) { Checksums.sealWhole(&bytes) }

    func run(_ bytes: [UInt8]) -> Bool {
        guard var state = try? ContentSnapshot.decode(bytes, limit: 4) else { return false }
        let log = ExtremesSamples.log(3, 7, topic: .content)
        for batch in (try? ExtremesSamples.chain(log)) ?? [] { _ = try? state.apply(batch) }
        state.forget(members: [RegionNumber(1)], bounds: .standard)
        var catalogue = state.catalogue
        let snapshot = catalogue.snapshot()
        _ = (
            snapshot.items(after: "", limit: .max).count, snapshot.newest(.max).count,
            ContentSnapshot.encode(state).count
        )
        return true
    }
}
