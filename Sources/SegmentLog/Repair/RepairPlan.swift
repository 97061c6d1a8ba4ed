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
    /// Stretches that are put together from what logs lack there; their needs are among `needs`.
    var stretches: [PlannedStretch] = []
    /// Whether frames or padding are wrong, which this disk knows by itself.
    package var hasKnown = false

    package var isSound: Bool { needs.isEmpty && lost.isEmpty && !hasKnown }

    init(generation: UInt64) { self.generation = generation }

    /// `need` says what a run of missing batches must chain to; nil where nothing here does. `lacks` says what each log lacks
    /// in a lost stretch; nil where that cannot be told.
    init(
        of generation: UInt64, _ survey: DamagedSegment, at path: String,
        need: (DamagedSegment.Run) throws(EventLogError) -> RepairNeed?,
        lacks: (LostStretch) throws(EventLogError) -> [RepairNeed]?
    ) throws(EventLogError) {
        self.generation = generation
        hasKnown = !survey.known.isEmpty
        for stretch in survey.lost {
            if stretch.groups != nil, let lacking = try lacks(stretch), !lacking.isEmpty {
                stretches.append(PlannedStretch(stretch: stretch, needs: lacking))
                needs += lacking
            } else {
                lost.append(
                    CorruptRange(path: path, bytes: stretch.bytes, reason: "neither frame nor batches can be read"))
            }
        }
        for run in survey.runs where !isCovered(run) {
            if let need = try need(run) {
                needs.append(need)
            } else {
                lost.append(
                    CorruptRange(path: path, bytes: run.bytes, reason: "the neighbours in \(run.log) cannot be read"))
            }
        }
    }

    /// Whether a stretch's need brings the run's batches too.
    private func isCovered(_ run: DamagedSegment.Run) -> Bool {
        guard let first = run.missing.first?.entry.base, let last = run.missing.last?.entry.base else { return false }
        return needs.contains { need in
            guard need.log == run.log, need.from <= first, case .end(let to, _) = need.goal else { return false }
            return last < to
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

/// A lost stretch, and what the logs lack that may have stood in it.
struct PlannedStretch: Hashable, Sendable {
    var stretch: LostStretch
    var needs: [RepairNeed]

    /// What was given for it, without what a frame outside of the stretch names; nil where something is not there.
    func batches(
        in given: [LogIdentity: [Offset: EncodedBatch]], besides missing: [DamagedSegment.Missing]
    ) -> [EncodedBatch]? {
        let named = Set(missing.map { Place(log: $0.entry.log, base: $0.entry.base) })
        var batches: [EncodedBatch] = []
        for need in needs {
            guard case .end(let to, _) = need.goal else { return nil }
            var offset = need.from
            while offset < to {
                guard let batch = given[need.log]?[offset], batch.endOffset > offset else { return nil }
                if !named.contains(Place(log: need.log, base: offset)) { batches.append(batch) }
                offset = batch.endOffset
            }
        }
        return batches
    }

    private struct Place: Hashable {
        var log: LogIdentity
        var base: Offset
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
