// The group commit: what runs on the commit executor.

import ClusterModel
import DequeModule
package import EventLog
import NodeEnvironment
import Synchronization

/// The journal's writer and its marks; lives on the commit executor.
struct Committer {
    var writer: JournalWriter
    var marks: any StoredFile
    var mark: Mark

    /// Writes the mark for all that is flushed; nothing when it stands already.
    mutating func writeMark(clean: Bool) throws(FileError) {
        guard mark.group != writer.flushedGroup || mark.isClean != clean else { return }
        let next = Mark(
            journal: mark.journal, sequence: mark.sequence + 1, group: writer.flushedGroup, isClean: clean)
        try marks.write(next.encode(), at: next.position)
        try marks.synchronizeData()
        mark = next
    }

    func close() {
        writer.close()
        marks.close()
    }
}

extension SegmentLog {
    /// Commits groups until the queue is empty, the disk is full, or the log is poisoned.
    func commit() {
        while let group = nextGroup() {
            do {
                try prepare(group)
            } catch {
                return putBack(group, error)
            }
            do {
                let (place, isHalfFull) = try committer.withLock { committer throws(FileError) in
                    let place = try committer.writer.append(group)
                    committer.writer.vouch()
                    if limits.marksBeforeAck { try committer.writeMark(clean: false) }
                    return (place, committer.writer.isHalfFull)
                }
                publish(group, at: place)
                if isHalfFull, pool.begin() { prepareSpare() }
            } catch {
                return poison(error)
            }
        }
        scheduleMark()
    }

    /// A step now, and the others at a pace that commits hardly notice.
    private func prepareSpare() {
        poolExecutor.execute { [self] in
            guard pool.step() else { return }
            let due = environment.clock.bootTime().advanced(by: JournalLimits.spareStepPause)
            _ = environment.executors.loops[0].schedule(at: due) { [weak self] in self?.prepareSpare() }
        }
    }

    private func nextGroup() -> [EncodedBatch]? {
        state.withLock { state in
            guard state.failure == nil, !state.queue.isEmpty else {
                state.isCommitting = false
                return nil
            }
            return state.queue.popGroup()
        }
    }

    private func prepare(_ group: [EncodedBatch]) throws(FileError) {
        let now = environment.clock.bootTime()
        try committer.withLock { committer throws(FileError) in try committer.writer.prepare(for: group, at: now) }
    }

    /// No segment could be made. A full disk and a lack of descriptors heal: the group waits and the commit is tried
    /// again. Anything else poisons.
    private func putBack(_ group: [EncodedBatch], _ error: FileError) {
        guard error.code == .noSpace || error.code == .tooManyOpenFiles else { return poison(error) }
        state.withLock { state in
            state.queue.insert(contentsOf: group, at: 0)
            state.standstill = error
        }
        let retry = environment.clock.bootTime().advanced(by: JournalLimits.spaceRetryInterval)
        _ = environment.executors.loops[0].schedule(at: retry) { [weak self] in
            guard let self else { return }
            commitExecutor.execute { self.commit() }
        }
    }

    private func publish(_ group: [EncodedBatch], at place: JournalPlace) {
        let moved = Self.logs(of: group)
        let (notices, watchers) = state.withLock { state -> ([Notice], [Watcher]) in
            // The log ended meanwhile, and everybody was told so.
            guard state.failure == nil else { return ([], []) }
            state.standstill = nil
            for batch in group {
                state.queuedBytes -= batch.length
                _ = state.table.extend(with: batch, at: place)
                // Kept for tail readers only; a node without any need not hold them.
                if !state.watchers.isEmpty { state.recent.append(batch) }
            }
            let notices = Notice.gather(moved, state.observers) {
                state.table.end(of: $0)
            }
            return (notices, state.watchers)
        }
        for notice in notices {
            notice.executor.execute { for item in notice.items { item.observer.logFlushed(item.log, to: item.end) } }
        }
        for watcher in watchers { watcher.executor.execute { watcher.onCommit(moved) } }
    }

    /// Each log once, in order.
    private static func logs(of group: [EncodedBatch]) -> [LogIdentity] {
        var logs = group.map(\.header.log)
        guard logs.count > 1 else { return logs }
        logs.sort()
        var kept = 1
        for index in 1..<logs.count where logs[index] != logs[kept - 1] {
            logs[kept] = logs[index]
            kept += 1
        }
        logs.removeLast(logs.count - kept)
        return logs
    }

    /// Ends the log for good: nothing that was not flushed will be acknowledged (S7).
    private func poison(_ cause: FileError) {
        end(
            because: EventLogError(
                .poisoned, "a write to the journal failed; restart the node to recover what was flushed", cause: cause))
    }

    /// Whether the journal's files are still where they were; where they are not, the log ends for good: nothing more is
    /// acknowledged. Blocks on the disk. Returns why it ended here.
    package func checkPlace() -> EventLogError? {
        do throws(FileError) {
            try place.check()
            return nil
        } catch {
            let error = EventLogError(
                .poisoned,
                "\(directory.path) was deleted or replaced under this node, whose open files hold the only copy; before it is "
                    + "stopped see Runbooks/directory-lost.md: a start without that directory begins a new log, and gets back "
                    + "what other regions hold, and nothing else",
                cause: error)
            end(because: error)
            return error
        }
    }

    /// The first reason stays.
    private func end(because error: EventLogError) {
        let notices = state.withLock { state -> [Notice] in
            guard state.failure == nil else { return [] }
            state.failure = error
            state.queue.removeAll()
            state.queuedBytes = 0
            return Notice.gather(state.observers.keys.sorted(), state.observers) { _ in .zero }
        }
        for notice in notices {
            notice.executor.execute {
                for item in notice.items { item.observer.logFenced(item.log, because: error) }
            }
        }
    }

    /// Writes a mark slot once the journal has been idle for a moment (S7).
    private func scheduleMark() {
        let flushed = committer.withLock { $0.writer.flushedGroup }
        let due = environment.clock.bootTime().advanced(by: JournalLimits.idleBeforeMark)
        _ = environment.executors.loops[0].schedule(at: due) { [weak self] in
            guard let self else { return }
            commitExecutor.execute { self.markIfIdle(since: flushed) }
        }
    }

    private func markIfIdle(since group: UInt64) {
        guard state.withLock({ $0.failure == nil && $0.queue.isEmpty }) else { return }
        do {
            try committer.withLock { committer throws(FileError) in
                if committer.writer.flushedGroup == group { try committer.writeMark(clean: false) }
            }
        } catch {
            poison(error)
        }
    }
}

extension Deque<EncodedBatch> {
    /// The batches of the next group, up to the limits of one; at least one where there is any.
    mutating func popGroup() -> [EncodedBatch] {
        var bytes = 0
        var group: [EncodedBatch] = []
        group.reserveCapacity(Swift.min(count, JournalLimits.groupBatches))
        while group.count < JournalLimits.groupBatches, bytes < JournalLimits.groupBytes, let batch = popFirst() {
            bytes += batch.length
            group.append(batch)
        }
        return group
    }
}

/// What one executor's observers are told in one hop.
private struct Notice: Sendable {
    struct Item: Sendable {
        var log: LogIdentity
        var observer: any LogObserver
        var end: Offset
    }

    var executor: any NodeExecutor
    var items: [Item]

    /// Groups the observed ones of `logs` by executor, in the order of `logs`.
    static func gather(
        _ logs: [LogIdentity], _ observers: [LogIdentity: SegmentLog.Observation], end: (LogIdentity) -> Offset
    ) -> [Notice] {
        var notices: [Notice] = []
        for log in logs {
            guard let observation = observers[log] else { continue }
            let item = Item(log: log, observer: observation.observer, end: end(log))
            if let index = notices.firstIndex(where: { $0.executor === observation.executor }) {
                notices[index].items.append(item)
            } else {
                notices.append(Notice(executor: observation.executor, items: [item]))
            }
        }
        return notices
    }
}
