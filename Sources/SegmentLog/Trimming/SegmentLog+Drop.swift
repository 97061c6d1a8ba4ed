// Logs that are settled leave the journal's table for good (S1b): what is left of their bytes goes with its segments.

package import ClusterModel
package import EventLog
import NodeEnvironment
import Synchronization

extension SegmentLog {
    /// Forgets every log of these lines below an incarnation, durably: it is neither read nor served nor scanned any more,
    /// and no segment is kept for it. What is there already, or higher, stays. Blocks on the disk: for a dedicated executor.
    /// Throws EventLogError `.io`, and what the log ended with; then nothing is forgotten.
    ///
    /// Complexity: O(logs) where something is news.
    package func drop(below floors: [LogName: Incarnation]) throws(EventLogError) {
        if let failure { throw failure }
        do {
            try trimming.withLock { trimming throws(FileError) in
                var prefix = trimming.prefix
                guard prefix.drop(below: floors) else { return }
                prefix.sequence += 1
                try directory.writeTrimmed(prefix)
                trimming.prefix = prefix
                trimming.known = nil
                state.withLock { $0.drop(below: prefix) }
            }
        } catch {
            throw EventLogError(.io, "settled logs cannot be dropped", cause: error)
        }
    }
}

extension SegmentLog.State {
    /// Those who observe a dropped log hear nothing more of it: it gets no more appends.
    fileprivate mutating func drop(below prefix: TrimmedPrefix) {
        dropped = prefix.dropped
        let gone = table.drop(below: prefix)
        for log in gone {
            tails[log] = nil
            observers[log] = nil
            readPlaces.drop(log)
        }
        recent.forget(Set(gone))
    }
}

extension TrimmedPrefix {
    /// Whether a log is settled and gone.
    func isDropped(_ log: LogIdentity) -> Bool { dropped[log.name].map { log.incarnation < $0 } ?? false }

    /// Takes note of higher floors. Whether there was one.
    mutating func drop(below floors: [LogName: Incarnation]) -> Bool {
        var isNews = false
        for (name, incarnation) in floors where dropped[name].map({ $0 < incarnation }) ?? true {
            guard dropped[name] != nil || dropped.count < Self.maxLines else { continue }
            dropped[name] = incarnation
            isNews = true
        }
        if isNews { bases = bases.filter { !isDropped($0.key) } }
        return isNews
    }
}

extension LogTable {
    /// Forgets what is dropped; which logs those were.
    mutating func drop(below prefix: TrimmedPrefix) -> [LogIdentity] {
        let gone = logs.filter { prefix.isDropped($0) }
        for log in gone { remove(log) }
        return gone
    }
}
