// From a directory to a node's memory: snapshots, then the fold of what the journal holds beyond them.

import ClusterModel
package import EventLog
import MergeableState
package import NodeEnvironment
package import Personalization
package import RegionMirror
package import SegmentLog

/// What a start found and rebuilt.
package struct NodeRecovery: Sendable {
    package var log: SegmentLog
    /// What is known of ends (S1a, S1b).
    package var lineage: LineageBook
    /// By partition number.
    package var shards: [ShardState]
    package var content: ContentState
    /// How this start's incarnation begins: partitions in order, then content.
    package var plan: IncarnationPlan
    /// Snapshots that did not verify; older ones or the log served instead.
    package var refusedSnapshots: [String]
    /// Shards restored from a snapshot.
    package var restoredShards: Int
    /// The newest snapshots that verified: what they cover.
    package var covered: SnapshotCoverage
    /// Shards that exceeded agreed ends and were folded from zero, whatever their snapshots held (S1a).
    package var refoldedShards: Int

    /// The ends that the restored states know, of all topics, and what they stand on (S1a).
    var agreedEnds: [(ends: AgreedEnds, base: EndsPoint)] {
        shards.flatMap { shard in
            shard.agreedEnds(of: .userEvents, shard.partition).map { ($0, shard.lines.base(of: $0.name.region)) }
        }
            + content.agreedEnds(of: .content, PartitionID(0)).map { ($0, content.lines.base(of: $0.name.region)) }
    }
}

/// Restores snapshots, opens the log and folds what they do not cover: after an unclean stop the whole journal is read.
package struct NodeRecoveryRun: Sendable {
    private let configuration: NodeConfiguration
    private let environment: NodeEnvironment
    private let acceptsCorruption: Bool
    private let claim: DirectoryClaim?
    private let isGivenUp: @Sendable () -> Bool

    /// `claim`: of the log's directory; without it the journal locks the directory by itself. `isGivenUp` is asked once a
    /// batch: a replay ends with a CancellationError when it says so, and lets go of the log.
    package init(
        _ configuration: NodeConfiguration, environment: NodeEnvironment, acceptsCorruption: Bool,
        claim: DirectoryClaim? = nil, isGivenUp: @escaping @Sendable () -> Bool = { false }
    ) {
        self.claim = claim
        self.isGivenUp = isGivenUp
        self.configuration = configuration
        self.environment = environment
        self.acceptsCorruption = acceptsCorruption
    }

    package static func snapshotDirectory(_ configuration: NodeConfiguration) -> String {
        "\(configuration.log.directory)/snapshots"
    }

    /// Snapshots on threads of their own, the journal on `disk`. Throws NodeError and FileError.
    package func run(on disk: any DedicatedExecutor) async throws -> NodeRecovery {
        let snapshots = try await SnapshotRestore(configuration, environment: environment).run()
        return try await disk.run { () throws(any Error) in try recover(behind: snapshots) }
    }

    /// The same on the caller's thread, which it blocks.
    package func runHere() throws -> NodeRecovery {
        try recover(behind: try SnapshotRestore(configuration, environment: environment).runHere())
    }

    /// A snapshot that the log does not reach came with another disk, or is of a bootstrap that was not finished (S5): an
    /// older generation serves in its place, or the log from its start. Each turn has fewer generations left.
    private func recover(behind snapshots: RestoredSnapshots) throws -> NodeRecovery {
        let lineage = try loadLineage()
        var snapshots = snapshots
        var aside: [(owner: SnapshotOwner, generation: FileGeneration)] = []
        while true {
            let folded = try fold(snapshots, lineage)
            let ahead = Self.ahead(folded, snapshots)
            guard !ahead.isEmpty else { return try finish(folded, snapshots, aside, lineage) }
            folded.log.abandon()
            for (owner, log) in ahead {
                guard let generation = snapshots.generations[owner] else { continue }
                aside.append((owner, generation))
                snapshots.refused.append(
                    "generation \(generation) of \(owner) goes beyond this log (\(log)): an older one serves, or the log"
                )
            }
            let restore = SnapshotRestore(configuration, environment: environment)
            snapshots = try restore.older(ahead.map(\.owner), in: snapshots)
        }
    }

    private typealias Fold = (log: SegmentLog, replica: NodeReplica, refolded: Int)

    private func loadLineage() throws(NodeError) -> LineageBook {
        do throws(MirrorError) {
            return try LineageFile(directory: configuration.log.directory, files: environment.files).load()
        } catch {
            throw NodeError(
                .logUnavailable, "\(error)",
                nextStep: "restore the file from the last good copy of the directory; see Runbooks/mirror-stopped.md")
        }
    }

    private func fold(_ snapshots: RestoredSnapshots, _ lineage: LineageBook) throws -> Fold {
        var replica = NodeReplica(
            snapshots.shards, snapshots.content, contents: configuration.limits.contents,
            region: configuration.region.number, members: members, bounds: configuration.timeBounds,
            knowing: lineage.all)
        do {
            // What snapshots cover is not visited, and after a clean stop not even read.
            let restored = replica.progress
            let log = try SegmentLog.open(
                directory: configuration.log.directory, environment: environment,
                limits: JournalLimits(
                    segmentBytes: configuration.log.segmentBytes, marksBeforeAck: configuration.log.markBeforeAck,
                    maxBytes: configuration.log.maxBytes,
                    // A day at most, and less where little lies between retention and maximum.
                    segmentAge: min(
                        .seconds(86_400), (configuration.log.personalDataMaximum - configuration.log.retention) / 2)),
                claim: claim,
                from: ReplayStart { restored.next(of: $0) }
            ) { batch in
                if isGivenUp() { throw CancellationError() }
                try replica.fold(batch)
            }
            return try Self.finishFold(log, &replica, hasPeers: !configuration.peers.isEmpty)
        } catch let error as EventLogError where error.code == .trimmed {
            throw NodeError(
                .logUnavailable, "\(error), and no snapshot that verifies covers what is gone",
                nextStep: "rebuild this region's copy from another region's; see Runbooks/mirror-stopped.md")
        } catch let error as EventLogError {
            throw NodeError(
                .logUnavailable, "\(error)", nextStep: "see the message; the log is in \(configuration.log.directory)")
        }
    }

    /// With peers, what is trimmed and covered by no snapshot comes from one of theirs, while the node runs (S5).
    private static func finishFold(
        _ log: SegmentLog, _ replica: inout NodeReplica, hasPeers: Bool
    ) throws -> Fold {
        do {
            let refolded = try replica.foldHeld(from: log, hasPeers: hasPeers)
            if !hasPeers { try replica.checkCovered(log.recovered.logs) }
            return (log, replica, refolded)
        } catch {
            log.abandon()
            throw error
        }
    }

    /// S6 promises that a snapshot names flushed records only: one that goes beyond the log came with another log.
    private static func ahead(
        _ fold: Fold, _ snapshots: RestoredSnapshots
    ) -> [(owner: SnapshotOwner, log: LogIdentity)] {
        var ends: [LogIdentity: Offset] = [:]
        for summary in fold.log.recovered.logs { ends[summary.log] = summary.flushedEnd }
        return snapshots.lines.compactMap { owner, lines in
            for entry in lines.vector.entries {
                let name = LogName(region: entry.region, topic: owner.topic, partition: owner.partition)
                let log = LogIdentity(name: name, incarnation: entry.incarnation)
                if entry.next > ends[log] ?? .zero { return (owner, log) }
            }
            return nil
        }
    }

    private var members: [RegionNumber] { [configuration.region.number] + configuration.peers.map(\.number) }

    private func finish(
        _ fold: Fold, _ snapshots: RestoredSnapshots, _ aside: [(owner: SnapshotOwner, generation: FileGeneration)],
        _ lineage: LineageBook
    ) throws -> NodeRecovery {
        let recovered = fold.log.recovered
        guard recovered.corruptRanges.isEmpty || acceptsCorruption else {
            fold.log.abandon()
            throw NodeError.corrupt(recovered.corruptRanges, directory: configuration.log.directory)
        }
        do throws(FileError) {
            let store = SnapshotStore(
                directory: Self.snapshotDirectory(configuration), files: environment.files)
            for item in aside { try store.setAside(item.generation, of: item.owner) }
        } catch {
            fold.log.abandon()
            throw error
        }
        let region = configuration.region.number
        var names = configuration.deployment.partitions.all.map {
            LogName(region: region, topic: .userEvents, partition: $0)
        }
        names.append(LogName(region: region, topic: .content, partition: PartitionID(0)))
        var plan = try IncarnationPlan(
            starting: names, after: recovered, now: environment.clock.wallTime(), entropy: environment.entropy.next(),
            bounds: configuration.timeBounds, applyVersion: StateLimits.applyVersion,
            isSoleMember: configuration.peers.isEmpty
        ) { name in
            let line = fold.replica.lines(of: name).line(of: region)
            return IncarnationPlan.Standing(base: line.base, chain: line.chain)
        }
        linkToApplied(&plan, fold)
        return NodeRecovery(
            log: fold.log, lineage: lineage, shards: fold.replica.shards, content: fold.replica.content, plan: plan,
            refusedSnapshots: snapshots.refused, restoredShards: snapshots.shards.count { $0 != nil },
            covered: snapshots.coverage, refoldedShards: fold.refolded)
    }

    /// S1: an opening is applied after what it names, at once and here too. Where the newest older incarnation cannot be
    /// applied yet, since it came back from another region and itself waits for bytes that only others have, the opening
    /// names the newest that is.
    private func linkToApplied(_ plan: inout IncarnationPlan, _ fold: Fold) {
        for place in plan.beginnings.indices {
            let name = plan.beginnings[place].log.name
            let lines = fold.replica.lines(of: name)
            func isApplied(_ incarnation: Incarnation, to end: Offset) -> Bool {
                let agreed = lines.agreedEnd(of: incarnation, in: name.region) ?? end
                return lines.next(in: name.region, incarnation) >= min(end, agreed)
            }
            guard let named = plan.beginnings[place].opening.predecessor, !isApplied(named.incarnation, to: named.end)
            else { continue }
            let applied = fold.log.recovered.logs.filter {
                $0.log.name == name && isApplied($0.log.incarnation, to: $0.flushedEnd)
            }.max { $0.log < $1.log }
            plan.beginnings[place].opening.predecessor = applied.map {
                OpeningRecord.Predecessor(
                    incarnation: $0.log.incarnation, end: $0.flushedEnd, digest: $0.endDigest)
            }
        }
    }

    /// A start writes into a fresh segment: without room for one it would wait for ever, unseen.
    package static func neededBytes(_ configuration: NodeConfiguration) -> UInt64 {
        let segment = JournalLimits(segmentBytes: configuration.log.segmentBytes).segmentBytes
        return UInt64(segment) + JournalLimits.reservedBytes(forSegmentOf: segment)
    }
}
