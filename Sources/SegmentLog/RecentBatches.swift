// The newest flushed batches in memory, so that readers at the tail of many logs do not go to the disk.

import ClusterModel
import DequeModule
import EventLog

/// The last `JournalLimits.recentBytes` of flushed batches over all logs, oldest out first. A value: its owner guards it.
struct RecentBatches: Sendable {
    private var byLog: [LogIdentity: Deque<EncodedBatch>] = [:]
    /// One entry a batch, in the order of flushing.
    private var order: Deque<LogIdentity> = []
    private var bytes = 0
    private let limit: Int

    init(limit: Int = JournalLimits.recentBytes) { self.limit = limit }

    /// Takes a flushed batch. Complexity: O(1), and what has to leave for it.
    mutating func append(_ batch: EncodedBatch) {
        byLog[batch.header.log, default: []].append(batch)
        order.append(batch.header.log)
        bytes += batch.length
        while bytes > limit, let oldest = order.popFirst() {
            guard let gone = byLog[oldest]?.popFirst() else { continue }
            bytes -= gone.length
            if byLog[oldest]?.isEmpty == true { byLog[oldest] = nil }
        }
    }

    /// What is kept of these logs leaves. Complexity: O(batches).
    mutating func forget(_ logs: Set<LogIdentity>) {
        var isChanged = false
        for log in logs {
            guard let gone = byLog.removeValue(forKey: log) else { continue }
            bytes -= gone.reduce(0) { $0 + $1.length }
            isChanged = true
        }
        if isChanged { order.removeAll { logs.contains($0) } }
    }

    /// Whole batches from the one that contains `offset`, up to `maxBytes` (at least one); nil where the first of them
    /// has left. Complexity: O(log batches + what is returned).
    func batches(of log: LogIdentity, from offset: Offset, maxBytes: Int) -> [EncodedBatch]? {
        guard let batches = byLog[log], let first = batches.first, first.header.baseOffset <= offset else { return nil }
        var (low, high) = (0, batches.count)
        while low < high {
            let middle = (low + high) / 2
            if batches[middle].endOffset <= offset { low = middle + 1 } else { high = middle }
        }
        var found: [EncodedBatch] = []
        var size = 0
        for batch in batches[low...] {
            guard found.isEmpty || size + batch.length <= maxBytes else { break }
            found.append(batch)
            size += batch.length
        }
        return found
    }
}
