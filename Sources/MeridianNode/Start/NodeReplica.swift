// A node's memory while it is rebuilt: every partition and the catalogue, fed batch by batch.

import ClusterModel
import EventLog
import Personalization

/// Folds batches of all logs in any order. A value; one owner.
struct NodeReplica: Sendable {
    /// By partition number.
    private(set) var shards: [ShardState]
    private(set) var content: ContentState
    private let members: [RegionNumber]
    private let bounds: TimeBounds
    /// Logs with batches that came before what they stand on (S1).
    private var held: Set<LogIdentity> = []

    /// Bytes read at once while held logs are folded.
    private static let readBytes = 4 << 20

    init(_ restored: [ShardState?], contents: Int, members: [RegionNumber], bounds: TimeBounds) {
        shards = restored.enumerated().map { partition, state in
            state ?? ShardState(partition: PartitionID(UInt32(partition)))
        }
        content = ContentState(limit: contents)
        self.members = members
        self.bounds = bounds
    }

    /// Folds one batch, or remembers its log for `foldHeld`. Throws NodeError where the log cannot be read.
    mutating func fold(_ batch: EncodedBatch) throws(NodeError) {
        let log = batch.header.log
        do {
            switch try apply(batch) {
            case .held: held.insert(log)
            case .applied, .known, .quarantined: break
            }
        } catch {
            throw NodeError.unreadable(log, error)
        }
    }

    /// Folds what was held, until nothing moves any more: what still waits then waits for another region's bytes.
    /// Blocks on the disk.
    mutating func foldHeld(from engine: some EventLogEngine) throws {
        var isMoving = true
        while isMoving {
            isMoving = false
            for log in held.sorted() where try foldRest(of: log, from: engine) { isMoving = true }
        }
    }

    /// Whether anything of the log could be folded.
    private mutating func foldRest(of log: LogIdentity, from engine: some EventLogEngine) throws -> Bool {
        var isMoved = false
        while true {
            let next = next(in: log)
            guard next < engine.flushedEnd(of: log) else {
                held.remove(log)
                return isMoved
            }
            for batch in try engine.read(log, from: next, maxBytes: Self.readBytes) { try fold(batch) }
            guard self.next(in: log) > next else { return isMoved }
            isMoved = true
        }
    }

    private func next(in log: LogIdentity) -> Offset {
        let lines = log.name.topic == .content ? content.lines : shards[Int(log.name.partition.rawValue)].lines
        return lines.next(in: log.name.region, log.incarnation)
    }

    private mutating func apply(_ batch: EncodedBatch) throws(ApplyError) -> BatchOutcome {
        let name = batch.header.log.name
        switch name.topic {
        case .userEvents where Int(name.partition.rawValue) < shards.count:
            defer { shards[Int(name.partition.rawValue)].forget(members: members, bounds: bounds) }
            return try shards[Int(name.partition.rawValue)].apply(batch)
        case .content: return try content.apply(batch)
        default: throw .malformed("log \(name) belongs to no partition of this deployment")
        }
    }
}
