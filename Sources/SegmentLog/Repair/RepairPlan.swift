// What a damaged segment needs from another holder, and what nobody can give.

import ClusterModel
package import EventLog

/// What one sealed segment needs.
package struct RepairPlan: Hashable, Sendable {
    package var generation: UInt64
    /// In the order of logs.
    package var needs: [RepairNeed] = []
    /// Stretches of which nothing here can say what stood there: they stay reported.
    package var lost: [CorruptRange] = []
    /// Whether frames or padding are wrong, which this disk knows by itself.
    package var hasKnown = false

    package var isSound: Bool { needs.isEmpty && lost.isEmpty && !hasKnown }
}

extension DamagedSegment {
    /// Missing batches of one log with nothing sound between them, ascending.
    struct Run: Hashable, Sendable {
        var log: LogIdentity
        var missing: [Missing]
    }

    var runs: [Run] {
        var runs: [Run] = []
        for item in missing.sorted(by: { ($0.entry.log, $0.entry.base) < ($1.entry.log, $1.entry.base) }) {
            if let last = runs.last, last.log == item.entry.log, let before = last.missing.last,
                !isSound(between: before.entry.base, item.entry.base, of: last.log)
            {
                runs[runs.count - 1].missing.append(item)
            } else {
                runs.append(Run(log: item.entry.log, missing: [item]))
            }
        }
        return runs
    }

    private func isSound(between low: Offset, _ high: Offset, of log: LogIdentity) -> Bool {
        (links[log] ?? []).contains { $0.base > low && $0.base < high }
    }
}
