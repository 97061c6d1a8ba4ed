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

    init(generation: UInt64) { self.generation = generation }

    /// `need` says what a run of missing batches must chain to; nil where nothing here does.
    init(
        of generation: UInt64, _ survey: DamagedSegment, at path: String,
        need: (DamagedSegment.Run) throws(EventLogError) -> RepairNeed?
    ) throws(EventLogError) {
        self.generation = generation
        hasKnown = !survey.known.isEmpty
        lost = survey.lost.map { CorruptRange(path: path, bytes: $0, reason: "neither frame nor batches can be read") }
        for run in survey.runs {
            if let need = try need(run) {
                needs.append(need)
            } else {
                lost.append(
                    CorruptRange(path: path, bytes: run.bytes, reason: "the neighbours in \(run.log) cannot be read"))
            }
        }
    }

    /// Batches by log and offset, of which those of each need meet it; needs for which there is none are left out. Throws
    /// EventLogError `.corrupt` where they are of another chain.
    func accept(_ batches: [EncodedBatch]) throws(EventLogError) -> [LogIdentity: [Offset: EncodedBatch]] {
        var given: [LogIdentity: [Offset: EncodedBatch]] = [:]
        for need in needs {
            let found = need.select(from: batches)
            if found.isEmpty { continue }
            guard need.isMet(by: found) else {
                throw EventLogError(.corrupt, log: need.log, "the batches given for its repair are of another chain")
            }
            for batch in found { given[need.log, default: [:]][batch.header.baseOffset] = batch }
        }
        return given
    }
}

extension DamagedSegment {
    /// Missing batches of one log with nothing sound between them, ascending.
    struct Run: Hashable, Sendable {
        var log: LogIdentity
        /// At least one.
        var missing: [Missing]

        /// From the first byte that is missing to the last one.
        var bytes: Range<UInt64> {
            let first = missing.map(\.position).min() ?? 0
            return first..<(missing.map { $0.position + UInt64($0.entry.length) }.max() ?? first)
        }
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
