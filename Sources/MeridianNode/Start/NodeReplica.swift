// A node's memory while it is rebuilt: every partition and the catalogue, fed batch by batch.

import ClusterModel
import EventLog
import Personalization

/// Folds batches of all logs in any order. A value; one owner.
struct NodeReplica: Sendable {
    /// What is folded of one topic and partition.
    fileprivate struct Fold<State: LogFold>: Sendable {
        let topic: TopicID
        let partition: PartitionID
        var state: State
        /// Logs with batches that came before what they stand on (S1).
        var held: Set<LogIdentity> = []
        /// Agreed ends cut off what was applied already: it is folded anew once the journal is read (S1a).
        var needsRefold: Bool

        init(_ state: State, _ topic: TopicID, _ partition: PartitionID) {
            self.state = state
            self.topic = topic
            self.partition = partition
            // Of a snapshot, which may be older than the ends that it carries.
            needsRefold = state.lines.exceedsAgreedEnds
        }
    }

    /// Folds what it is lent. Apart from the states: a method of the replica itself would hold a copy of all of them while it
    /// changes one, and each batch would copy what it touches.
    fileprivate struct Folding: Sendable {
        let region: RegionNumber
        let members: [RegionNumber]
        let bounds: TimeBounds
    }

    private let folding: Folding
    private let contents: Int
    /// By partition number.
    private var users: [Fold<ShardState>]
    private var catalogue: Fold<ContentState>

    var shards: [ShardState] { users.map(\.state) }
    var content: ContentState { catalogue.state }

    func lines(of partition: PartitionID) -> OriginLines { users[Int(partition.rawValue)].state.lines }

    /// Of the states of this deployment's topics and partitions.
    func lines(of name: LogName) -> OriginLines {
        name.topic == .content ? catalogue.state.lines : lines(of: name.partition)
    }

    /// `members`: all regions, `region` itself included. `knowing`: ends that this node has heard of, which bind whatever
    /// snapshots and logs say (S1a).
    init(
        _ restored: [ShardState?], _ content: ContentState?, contents: Int, region: RegionNumber,
        members: [RegionNumber], bounds: TimeBounds, knowing known: [AgreedEnds] = []
    ) {
        users = restored.enumerated().map { number, state in
            let partition = PartitionID(UInt32(number))
            var state = state ?? ShardState(partition: partition)
            for ends in known where ends.name.topic == .userEvents && ends.name.partition == partition {
                state.learn(ends)
            }
            return Fold(state, .userEvents, partition)
        }
        var items = content ?? ContentState(limit: contents)
        for ends in known where ends.name.topic == .content && ends.name.partition == PartitionID(0) {
            items.learn(ends)
        }
        catalogue = Fold(items, .content, PartitionID(0))
        self.contents = contents
        folding = Folding(region: region, members: members, bounds: bounds)
    }

    /// How far it is, without what is folded: a copy of this costs nothing while the fold goes on.
    var progress: ReplicaStart {
        ReplicaStart(
            region: folding.region, users: users.map { $0.needsRefold ? nil : $0.state.lines },
            catalogue: catalogue.needsRefold ? nil : catalogue.state.lines)
    }

    /// Folds one batch, or remembers its log for `foldHeld`. Throws NodeError where an own log cannot be read.
    mutating func fold(_ batch: EncodedBatch) throws(NodeError) {
        let name = batch.header.log.name
        switch name.topic {
        case .userEvents where Int(name.partition.rawValue) < users.count:
            try folding.fold(batch, into: &users[Int(name.partition.rawValue)])
        case .content where name.partition == catalogue.partition: try folding.fold(batch, into: &catalogue)
        default:
            // Of another region it may be a newer version's: kept for it, and nobody's here.
            guard name.region != folding.region else {
                throw .unreadable(
                    batch.header.log, ApplyError.malformed("it belongs to no partition of this deployment"))
            }
        }
    }

    /// Whether the state holds what is trimmed of each log that is folded here: a snapshot that is gone cannot be folded anew
    /// (S8). Throws EventLogError `.trimmed`.
    func checkCovered(_ logs: [LogSummary]) throws(EventLogError) {
        try checkSettled()
        for summary in logs where summary.base > .zero {
            let name = summary.log.name
            let lines: OriginLines
            switch name.topic {
            case .userEvents where Int(name.partition.rawValue) < users.count: lines = self.lines(of: name.partition)
            case .content where name.partition == catalogue.partition: lines = catalogue.state.lines
            default: continue
            }
            guard lines.covered(of: summary.log.incarnation, in: name.region) < summary.base else { continue }
            let next = lines.next(in: name.region, summary.log.incarnation)
            throw EventLogError(trimmed: summary.log, at: next, firstAvailable: summary.base)
        }
    }

    /// A region that is alone has nobody to give back what is settled and in no snapshot any more (S1b).
    private func checkSettled() throws(EventLogError) {
        guard folding.members.count == 1, let (topic, partition, _) = folds.first(where: { $0.lines.isBelowChain })
        else {
            return
        }
        throw EventLogError(
            .trimmed, "what is settled of topic \(topic.rawValue), partition \(partition.rawValue) is dropped")
    }

    private var folds: [(topic: TopicID, partition: PartitionID, lines: OriginLines)] {
        users.map { (TopicID.userEvents, $0.partition, $0.state.lines) }
            + [(TopicID.content, catalogue.partition, catalogue.state.lines)]
    }

    /// Folds what was held, until nothing moves any more: what still waits then waits for another region's bytes. What
    /// exceeds agreed ends is folded anew, its snapshot ignored (S1a). Returns how many partitions were. With peers, what cannot
    /// be folded anew since logs are trimmed is left empty: the shard asks for another member's (S5).
    /// Blocks on the disk. Throws NodeError and EventLogError.
    mutating func foldHeld(from engine: some EventLogEngine, hasPeers: Bool) throws -> Int {
        var refolded = 0
        for place in users.indices {
            let empty = ShardState(partition: users[place].partition)
            if try folding.finish(&users[place], empty, from: engine, hasPeers) { refolded += 1 }
        }
        _ = try folding.finish(&catalogue, ContentState(limit: contents), from: engine, hasPeers)
        return refolded
    }
}

extension NodeReplica.Folding {
    func fold<State>(_ batch: EncodedBatch, into fold: inout NodeReplica.Fold<State>) throws(NodeError) {
        guard !fold.needsRefold else { return }
        let log = batch.header.log
        do {
            if try fold.state.apply(batch) == .held { fold.held.insert(log) }
        } catch .endDiffers {
            fold.needsRefold = true
        } catch {
            try onStopped(log, error)
        }
        if fold.state.lines.exceedsAgreedEnds { fold.needsRefold = true }
        fold.state.forget(members: members, bounds: bounds)
    }

    /// Another region's log stops by itself, and loudly, when it is followed (S3); it keeps no start from happening.
    private func onStopped(_ log: LogIdentity, _ error: ApplyError) throws(NodeError) {
        guard log.name.region != region else { throw .unreadable(log, error) }
    }

    /// Whether it was folded anew.
    func finish<State>(
        _ fold: inout NodeReplica.Fold<State>, _ empty: State, from engine: some EventLogEngine, _ hasPeers: Bool
    ) throws -> Bool {
        if !fold.needsRefold {
            guard !fold.held.isEmpty else { return false }
            var rest = HeldLogs(fold.state, logs: fold.held, members: members, bounds: bounds)
            fold.state = empty
            try rest.fold(from: engine)
            try take(rest, into: &fold)
            guard fold.state.lines.exceedsAgreedEnds else { return false }
        }
        let known = fold.state.agreedEnds(of: fold.topic, fold.partition)
        fold.state = empty
        do {
            let anew = try HeldLogs.refold(
                empty, knowing: known, topic: fold.topic, partition: fold.partition, from: engine, members: members,
                bounds: bounds)
            try take(anew, into: &fold)
        } catch let error as EventLogError where error.code == .trimmed && hasPeers {
            for ends in known { fold.state.learn(ends) }
        }
        return true
    }

    private func take<State>(_ rest: HeldLogs<State>, into fold: inout NodeReplica.Fold<State>) throws(NodeError) {
        for log in rest.stopped.keys.sorted() {
            if let error = rest.stopped[log] { try onStopped(log, error) }
        }
        fold.state = rest.state
    }
}
