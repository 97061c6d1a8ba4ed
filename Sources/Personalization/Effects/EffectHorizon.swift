// What of a partition's history a node still has (S1b, S8).

package import ClusterModel
package import EventLog

/// What a partition's shard knows to be agreed.
package struct KnownEnds: Hashable, Sendable {
    package var ends: [AgreedEnds]
    /// Of each origin the number of the last ends record that the shard has applied: what lies below it came, was applied, and will
    /// not come again.
    package var applied: [RegionNumber: Incarnation]

    package init(ends: [AgreedEnds] = [], applied: [RegionNumber: Incarnation] = [:]) {
        self.ends = ends
        self.applied = applied
    }
}

/// The logs that a reader of effects can read, and what has left. A value, as of when it was made.
struct EffectHorizon {
    /// Those of the partition.
    let logs: [LogSummary]
    private let known: KnownEnds
    private let held: Set<LogIdentity>
    private let partition: PartitionID

    init(of partition: PartitionID, in engine: any EventLogEngine, knowing known: KnownEnds) {
        self.partition = partition
        self.known = known
        logs = engine.logs().filter { $0.log.name.topic == .userEvents && $0.log.name.partition == partition }
        held = Set(logs.map(\.log))
    }

    /// The position from which everything is still here.
    var oldest: EffectPosition {
        skipping(from: OriginLines(at: EffectPosition(), knowing: known.ends)) ?? EffectPosition()
    }

    /// Where a reader at `lines` goes on when it leaves out what is gone; nil where nothing is that it has to read.
    func skipping(from lines: OriginLines) -> EffectPosition? {
        var position = lines.effectPosition
        var isTrimmed = false
        for (region, chain) in lines.chains {
            guard let floor = floor(of: region, chain, from: lines.line(of: region)) else { continue }
            position.settle(region, below: floor)
            isTrimmed = true
        }
        for log in logs {
            let (region, incarnation) = (log.log.name.region, log.log.incarnation)
            guard let next = position.next(in: region, incarnation), next < log.base else { continue }
            position.advance(region, incarnation, to: log.base)
            isTrimmed = true
        }
        return isTrimmed ? position : nil
    }

    /// The newest ends record below which something is gone that the line has not read; nil where nothing is. A reader that waited
    /// for a log that has left would wait for ever, and what stands on it with it.
    private func floor(of region: RegionNumber, _ chain: EndsChain, from line: OriginLine) -> Incarnation? {
        // Nobody knows what a reader below the chain has missed.
        var floor = line.isBelowChain ? chain.root.number : nil
        for link in chain.links where link.number > line.base.number {
            let misses = link.record.ends.contains { listed in
                listed.end > line.next(in: listed.incarnation) && hasLeft(region, listed.incarnation)
            }
            if misses { floor = link.number }
        }
        return floor
    }

    private func hasLeft(_ region: RegionNumber, _ incarnation: Incarnation) -> Bool {
        guard let applied = known.applied[region], incarnation < applied else { return false }
        let name = LogName(region: region, topic: .userEvents, partition: partition)
        return !held.contains(LogIdentity(name: name, incarnation: incarnation))
    }
}
