// Logs that go on from a place that a snapshot of another member covers (S5): what stood before is not held here. As with
// trimming, the new bases are durable first, then known to readers and writers; a crash before that changes nothing, and one
// after it finds them.

import ClusterModel
package import EventLog
import NodeEnvironment
import Synchronization

extension SegmentLog {
    /// Begins each log at its base. Logs that reach it already, or will with what was submitted, are left as they are, as are
    /// those that are settled and dropped (S1b); of one that ends before it, what was held is known no more, and its bytes leave
    /// with their segments. Blocks on the disk. Throws EventLogError `.io`, and what the log ended with; nothing has changed
    /// then, or a start finds the new bases. Complexity: O(trimmed logs).
    package func adopt(_ bases: [LogBase]) throws(EventLogError) {
        if let failure { throw failure }
        do {
            try trimming.withLock { trimming throws(FileError) in try adopt(bases, &trimming) }
        } catch {
            throw EventLogError(.io, "the bases of a bootstrap cannot be written", cause: error)
        }
        tellAdopted(bases.map(\.log))
    }

    private func adopt(_ bases: [LogBase], _ trimming: inout Trimming) throws(FileError) {
        var prefix = trimming.prefix
        let (short, known) = state.withLock { state in
            (bases.filter { !prefix.isDropped($0.log) && state.end(of: $0.log) < $0.offset }, state.table.bases)
        }
        guard !short.isEmpty else { return }
        prefix.bases.merge(known) { written, _ in written }
        for base in short { prefix.bases[base.log] = TrimmedPrefix.Base(base) }
        prefix.sequence += 1
        try directory.writeTrimmed(prefix)
        trimming.prefix = prefix
        trimming.known = nil
        state.withLock { state in
            // What was submitted meanwhile may go beyond a base; below it, it is known when it comes.
            for base in short where state.end(of: base.log) < base.offset {
                state.table.adopt(TrimmedPrefix.Base(base), of: base.log)
                state.tails[base.log] = Tail(end: base.offset, digest: base.digest)
                state.recent.forget([base.log])
            }
        }
    }

    /// As after a commit that moved them.
    private func tellAdopted(_ logs: [LogIdentity]) {
        let moved = logs.sorted()
        let watchers = state.withLock(\.watchers)
        for watcher in watchers { watcher.executor.execute { watcher.onCommit(moved) } }
    }
}

extension SegmentLog.State {
    /// With what is on its way to the disk.
    fileprivate func end(of log: LogIdentity) -> Offset { tails[log]?.end ?? .zero }
}

extension TrimmedPrefix.Base {
    init(_ base: LogBase) {
        self.init(offset: base.offset, digest: base.digest, lastStamp: base.lastStamp, epoch: base.epoch)
    }
}
