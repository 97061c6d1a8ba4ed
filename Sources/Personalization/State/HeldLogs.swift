// The fold of logs that an engine holds, in whatever order their records stand on each other: for what waited at a
// start, and for a state that is folded anew with agreed ends cut (S1a).

package import ClusterModel
package import EventLog

/// Folds the logs of one topic and partition into a state until nothing moves any more: what waits then waits for bytes
/// that are not here. A value; its owner runs it where blocking is allowed.
package struct HeldLogs<State: LogFold>: Sendable {
    /// Bytes read at once.
    private static var readBytes: Int { 4 << 20 }

    package private(set) var state: State
    /// Logs that cannot be folded any further, and why (S3).
    package private(set) var stopped: [LogIdentity: ApplyError] = [:]
    private var open: [LogIdentity]
    /// Where logs begin that were read no further, because what comes next of them is trimmed.
    private var bases: [LogIdentity: Offset] = [:]
    private let members: [RegionNumber]
    private let bounds: TimeBounds

    package init(_ state: State, logs: some Sequence<LogIdentity>, members: [RegionNumber], bounds: TimeBounds) {
        self.state = state
        open = logs.sorted()
        self.members = members
        self.bounds = bounds
    }

    /// Logs that begin behind where the state stands: only another member's state leads over what is missing (S5).
    package var short: [LogIdentity] {
        bases.filter { log, base in state.lines.covered(of: log.incarnation, in: log.name.region) < base }
            .keys.sorted()
    }

    /// Folds what the engine has flushed. Ends when a state exceeds agreed ends that it has met: it must be folded anew.
    /// Blocks on the disk. Throws where the engine cannot read: the state is then a part only.
    package mutating func fold(from engine: some EventLogEngine) throws(EventLogError) {
        var isMoving = true
        while isMoving, !state.lines.exceedsAgreedEnds {
            isMoving = false
            for log in open where try foldRest(of: log, from: engine) { isMoving = true }
        }
    }

    /// Whether anything of the log could be folded.
    private mutating func foldRest(of log: LogIdentity, from engine: some EventLogEngine) throws(EventLogError) -> Bool
    {
        var isMoved = false
        while true {
            let next = next(in: log)
            guard next < engine.flushedEnd(of: log), !state.lines.isSettled(log.name.region, log.incarnation) else {
                open.removeAll { $0 == log }
                return isMoved
            }
            if let base = engine.summary(of: log)?.base, next < base {
                bases[log] = base
                return isMoved
            }
            for batch in try engine.read(log, from: next, maxBytes: Self.readBytes) {
                guard take(batch, of: log) else { return isMoved || self.next(in: log) > next }
                state.forget(members: members, bounds: bounds)
            }
            guard self.next(in: log) > next else { return isMoved }
            isMoved = true
        }
    }

    /// Whether the batches after it can be folded too.
    private mutating func take(_ batch: EncodedBatch, of log: LogIdentity) -> Bool {
        do {
            switch try state.apply(batch) {
            case .applied, .known: return true
            case .held: return false
            case .quarantined: break
            }
        } catch .endDiffers {
            return false
        } catch {
            stopped[log] = error
        }
        open.removeAll { $0 == log }
        return false
    }

    private func next(in log: LogIdentity) -> Offset { state.lines.next(in: log.name.region, log.incarnation) }
}

extension HeldLogs {
    /// Rounds of one refold: each has met ends that the one before did not know.
    private static var maxRounds: Int { 64 }

    /// Folds all logs of a topic and partition that the engine holds, from their first records into `empty`, with the
    /// ends in `known`, and those met on the way, cut (S1a). Blocks on the disk. Throws where a log cannot be read from
    /// its start: then the operator decides.
    package static func refold(
        _ empty: State, knowing known: [AgreedEnds], topic: TopicID, partition: PartitionID,
        from engine: some EventLogEngine, members: [RegionNumber], bounds: TimeBounds
    ) throws(EventLogError) -> HeldLogs {
        var ends = known
        for _ in 0..<maxRounds {
            var start = empty
            for agreed in ends { start.learn(agreed) }
            let logs = engine.logs().lazy.map(\.log).filter { log in
                log.name.topic == topic && log.name.partition == partition
            }
            var held = HeldLogs(start, logs: logs, members: members, bounds: bounds)
            try held.fold(from: engine)
            guard held.state.lines.exceedsAgreedEnds else {
                if let short = held.short.first {
                    throw EventLogError(
                        trimmed: short, at: held.next(in: short), firstAvailable: held.bases[short] ?? .zero)
                }
                return held
            }
            ends = held.state.agreedEnds(of: topic, partition)
        }
        throw EventLogError(.corrupt, "agreed ends of partition \(partition.rawValue) go on changing")
    }
}
