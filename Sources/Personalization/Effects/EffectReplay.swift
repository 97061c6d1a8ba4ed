// History below the live effects: logs read from the disk into a private fold with its own index of ids (S13).

package import ClusterModel
package import EventLog
import MergeableState
import Synchronization

/// Why effects cannot be read on.
package enum EffectFailure: Error, Hashable, Sendable {
    /// Some of what comes next was trimmed; where the reader can go on instead, with what it has read left as it is (S8).
    case trimmed(PartitionID, oldest: EffectPosition)
    /// The shard's log has ended: its memory is discarded (S6).
    case logFenced(String)
    /// The disk does not give what it should have.
    case unreadable(String)
    /// The reader's task was cancelled.
    case cancelled
}

/// What a fold of one partition's logs has to know. The same for all readers of a node.
package struct EffectSettings: Sendable {
    package var members: [RegionNumber]
    package var bounds: TimeBounds
    /// Ids that one replay keeps, 40 bytes each. Beyond it the oldest are let go: an event whose copies stand further apart
    /// than they reach may show twice.
    package var maxIDs: Int

    package init(members: [RegionNumber], bounds: TimeBounds, maxIDs: Int = 1 << 20) {
        self.members = members
        self.bounds = bounds
        self.maxIDs = maxIDs
    }
}

/// Reads one partition's logs from a position on, a step at a time. First it marks the events before the position whose
/// copies may still come: without that a copy would have an effect again. Steps block on the disk: for a dedicated
/// executor, one at a time.
package final class EffectReplay: Sendable {
    package struct Step: Sendable {
        package var items: [EffectItem] = []
        /// Nothing more is flushed here now.
        package var isAtEnd = false
    }

    private struct Marking: Sendable {
        var log: LogIdentity
        var next: Offset
        var end: Offset
    }

    private struct State {
        var fold: EffectFold
        var known: KnownEnds
        /// Nil before the first step.
        var marking: [Marking]?
        /// Logs that a defect of theirs has stopped; the shard's own fold raises the alarm (S3).
        var stopped: Set<LogIdentity> = []
        var letGo = false
    }

    /// The mutex is held for a look alone, never while a step reads the disk: a step takes the state out and puts it back.
    private enum Holding {
        case resting(State)
        case stepping
        case discarded
    }

    private let partition: PartitionID
    private let settings: EffectSettings
    private let holding: Mutex<Holding>

    /// `known` is what the partition's shard knows.
    package init(
        _ partition: PartitionID, at position: EffectPosition, knowing known: KnownEnds, settings: EffectSettings
    ) {
        self.partition = partition
        self.settings = settings
        holding = Mutex(
            .resting(State(fold: EffectFold(partition, at: position, knowing: known.ends), known: known)))
    }

    /// What the shard knows by now: a log that the replay waits for may have been settled, and have left. Whether it is news;
    /// never while a step is under way.
    func learn(_ known: KnownEnds) -> Bool {
        guard var state = takeOut() else { return false }
        defer { rest(state) }
        guard state.known != known else { return false }
        state.known = known
        for ends in known.ends { state.fold.learn(ends) }
        return true
    }

    /// Those of `keys` that it has met: whoever goes on elsewhere tells repetitions by them. Nil once it was discarded, and
    /// while it moves: who asks then begins again. Never waits for the disk.
    func known(of keys: [MergeOrder]) -> Set<MergeOrder>? {
        holding.withLock { holding in
            guard case .resting(let state) = holding else { return nil }
            return Set(keys.filter { state.fold.seen.contains($0) })
        }
    }

    /// Gives its memory back, at the end of the step that is under way; it is of no use any more. Never waits.
    func discard() { holding.withLock { $0 = .discarded } }

    /// Whether ids had to be let go, as of the last step.
    package var hasLetGo: Bool {
        holding.withLock { holding in
            guard case .resting(let state) = holding else { return false }
            return state.letGo
        }
    }

    /// Reads about `maxBytes`. One at a time.
    package func step(from engine: any EventLogEngine, maxBytes: Int) throws(EffectFailure) -> Step {
        guard var state = takeOut() else {
            throw .unreadable("the replay was taken from its reader, or is on its way")
        }
        defer { rest(state) }
        do throws(EventLogError) {
            return try step(&state, from: engine, maxBytes: maxBytes)
        } catch {
            if let oldest = EffectHorizon(of: partition, in: engine, knowing: state.known).skipping(
                from: state.fold.lines)
            {
                throw .trimmed(partition, oldest: oldest)
            }
            throw .unreadable("\(error)")
        }
    }

    private func takeOut() -> State? {
        holding.withLock { holding -> State? in
            guard case .resting(let state) = holding else { return nil }
            holding = .stepping
            return state
        }
    }

    private func rest(_ state: State) {
        holding.withLock { holding in
            if case .stepping = holding { holding = .resting(state) }
        }
    }

    private func step(
        _ state: inout State, from engine: any EventLogEngine, maxBytes: Int
    ) throws(EventLogError) -> Step {
        let horizon = EffectHorizon(of: partition, in: engine, knowing: state.known)
        let logs = horizon.logs
        if horizon.skipping(from: state.fold.lines) != nil {
            throw EventLogError(.outOfRange, "something that comes next was trimmed")
        }
        if state.marking == nil { state.marking = try marks(logs, below: state.fold.lines, in: engine) }
        if try mark(&state, from: engine, maxBytes: maxBytes) { return Step() }
        return try fold(&state, logs, from: engine, maxBytes: maxBytes)
    }

    // MARK: Before the position

    /// The stretches of the logs, each up to the position, that events beyond it may have copies in. Two copies of an event
    /// are stamped less than R + F apart (S4); clocks differ by 2D. A settled log is read to its agreed end; where that is
    /// not known here, its events cannot be either.
    private func marks(
        _ logs: [LogSummary], below lines: OriginLines, in engine: any EventLogEngine
    ) throws(EventLogError) -> [Marking] {
        var stretches: [(marking: Marking, last: HybridStamp)] = []
        var horizon: WallTime?
        for summary in logs {
            let log = summary.log
            let end = min(lines.next(in: log.name.region, log.incarnation), summary.flushedEnd)
            var bound: HybridStamp?
            if end > summary.base {
                let last = try header(of: log, at: Offset(end.rawValue - 1), in: engine).lastStamp
                stretches.append((Marking(log: log, next: summary.base, end: end), last))
                // More can come only of its origin's newest.
                let isNewest = !logs.contains { $0.log.name == log.name && $0.log.incarnation > log.incarnation }
                if isNewest { bound = last }
            }
            if end < summary.flushedEnd, !lines.isSettled(log.name.region, log.incarnation) {
                bound = try header(of: log, at: max(end, summary.base), in: engine).firstStamp
            }
            if let bound { horizon = min(horizon ?? bound.wallTime, bound.wallTime) }
        }
        guard let horizon else { return [] }
        let bounds = settings.bounds
        let start = horizon.advanced(by: .zero - bounds.forgetAfter - bounds.maxFuture)
        var marks: [Marking] = []
        for var stretch in stretches where stretch.last.wallTime >= start {
            stretch.marking.next = try first(in: stretch.marking, since: start, in: engine)
            marks.append(stretch.marking)
        }
        return marks
    }

    private func header(
        of log: LogIdentity, at offset: Offset, in engine: any EventLogEngine
    ) throws(EventLogError) -> BatchHeader {
        guard let batch = try engine.read(log, from: offset, maxBytes: 1).first else {
            throw EventLogError(.io, log: log, "bytes at \(offset.rawValue) were not found")
        }
        return batch.header
    }

    /// The first batch that may hold something stamped at `start` or later. Stamps never decrease along a log (S2).
    private func first(
        in stretch: Marking, since start: WallTime, in engine: any EventLogEngine
    ) throws(EventLogError) -> Offset {
        var (low, high) = (stretch.next, stretch.end)
        while low < high {
            let middle = Offset(low.rawValue + (high.rawValue - low.rawValue) / 2)
            guard let batch = try engine.read(stretch.log, from: middle, maxBytes: 1).first else { return low }
            if batch.header.lastStamp.wallTime < start { low = batch.endOffset } else { high = batch.header.baseOffset }
        }
        return low
    }

    /// Whether there was something to mark.
    private func mark(
        _ state: inout State, from engine: any EventLogEngine, maxBytes: Int
    ) throws(EventLogError) -> Bool {
        guard var marking = state.marking?.popLast() else { return false }
        let log = marking.log
        // What was trimmed since is told to nobody and marked for nobody.
        marking.next = max(marking.next, engine.summary(of: log)?.base ?? .zero)
        guard marking.next < marking.end else { return true }
        var next = marking.next
        for batch in try engine.read(log, from: next, maxBytes: maxBytes) where next < marking.end {
            let records: [EventRecord]
            do { records = try batch.records() } catch { throw EventLogError(.corrupt, log: log, "\(error)") }
            for (place, record) in records.enumerated() {
                let offset = batch.header.baseOffset.advanced(by: place)
                guard offset >= next, offset < marking.end else { continue }
                state.fold.mark(record, in: log.name.region, log.incarnation)
            }
            next = batch.endOffset
        }
        if next < marking.end, next > marking.next {
            marking.next = next
            state.marking?.append(marking)
        }
        if state.fold.bound(to: settings.maxIDs) { state.letGo = true }
        return true
    }

    // MARK: Beyond it

    /// One log moves on, the one that is furthest behind by its stamps of those that can.
    private func fold(
        _ state: inout State, _ logs: [LogSummary], from engine: any EventLogEngine, maxBytes: Int
    ) throws(EventLogError) -> Step {
        let lines = state.fold.lines
        let open = logs.filter { summary in
            let (region, incarnation) = (summary.log.name.region, summary.log.incarnation)
            return !lines.isSettled(region, incarnation) && !state.stopped.contains(summary.log)
                && lines.next(in: region, incarnation) < summary.flushedEnd
        }
        for summary in open.sorted(by: { lines.stamp(of: $0.log) < lines.stamp(of: $1.log) }) {
            if let item = try foldSome(of: summary.log, &state, from: engine, maxBytes: maxBytes) {
                if state.fold.bound(to: settings.maxIDs) { state.letGo = true }
                return Step(items: [item])
            }
        }
        return Step(isAtEnd: true)
    }

    /// Nil where the log waits for another, or lies beyond its agreed end.
    private func foldSome(
        of log: LogIdentity, _ state: inout State, from engine: any EventLogEngine, maxBytes: Int
    ) throws(EventLogError) -> EffectItem? {
        let (region, incarnation) = (log.name.region, log.incarnation)
        let before = state.fold.lines.next(in: region, incarnation)
        let settled = state.fold.lines.settled(region)
        batches: for batch in try engine.read(log, from: before, maxBytes: maxBytes) {
            do {
                switch try state.fold.take(batch) {
                case .applied, .known: state.fold.forget(members: settings.members, bounds: settings.bounds)
                case .held, .quarantined: break batches
                }
            } catch {
                state.stopped.insert(log)
                break
            }
        }
        let next = state.fold.lines.next(in: region, incarnation)
        guard next > before else { return nil }
        let now = state.fold.lines.settled(region)
        return EffectItem(
            region: region, incarnation: incarnation, next: next, settled: now == settled ? nil : now,
            effects: state.fold.takeEffects())
    }
}

extension OriginLines {
    /// The last stamp read of a log; zero for one of which nothing was.
    fileprivate func stamp(of log: LogIdentity) -> HybridStamp {
        line(of: log.name.region).progress.first { $0.incarnation == log.incarnation }?.lastStamp ?? .zero
    }
}
