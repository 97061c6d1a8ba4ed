// What goes into one reply: batches of the logs that a plan names, within a budget.

import ClusterModel
import EventLog

/// Reads for one reply. What is in memory is shared out: every log gets its share before any gets more. What is on the disk
/// comes in the order in which it lies there, so that one pass serves all.
struct BatchReader: Sendable {
    /// What reading came to. A log of which nothing was read is in none of the lists, or in `failed`.
    struct Outcome: Sendable {
        var answers: [PullReply.LogAnswer] = []
        /// What does not verify on the disk (S7).
        var unreadable: [(log: LogIdentity, stretch: Range<Offset>)] = []
        /// Nothing of these can be served now.
        var failed: [LogIdentity] = []
        /// Why, where the disk said so.
        var failure: EventLogError?
    }

    let log: any EventLogEngine
    let facts: LineageFacts
    /// Bytes of batches; at least one batch always goes.
    let budget: Int

    /// Least share of one log, so that many logs do not shrink to a batch each.
    private static let leastShare = 64 << 10

    /// Nil where a batch has to come from the disk. Never blocks.
    func fromMemory(_ steps: [HolderInstance.Step]) -> Outcome? {
        let share = share(of: steps)
        var outcome = Outcome()
        var rest = budget
        for step in steps {
            guard case .read(let point) = step else {
                refuse(step, &outcome)
                continue
            }
            guard rest > 0 else { continue }
            guard let batches = log.recent(point.log, from: point.offset, maxBytes: min(share, rest)) else {
                return nil
            }
            rest -= serve(batches, at: point, &outcome)
        }
        return outcome
    }

    /// Blocks on the disk for what is not in memory, in one pass over it. What cannot be read is left out and named, and
    /// everything else is served (S7).
    func fromDisk(_ steps: [HolderInstance.Step]) -> Outcome {
        var outcome = Outcome()
        var points: [LogPoint] = []
        // Half for the tails, so that neither they nor what lies far back waits for the other.
        var rest = budget / 2
        let share = share(of: steps)
        for step in steps {
            guard case .read(let point) = step else {
                refuse(step, &outcome)
                continue
            }
            if let batches = log.recent(point.log, from: point.offset, maxBytes: max(1, min(share, rest))) {
                if rest > 0 { rest -= serve(batches, at: point, &outcome) }
            } else {
                points.append(point)
            }
        }
        readFromDisk(points, total: max(0, rest) + budget - budget / 2, &outcome)
        return outcome
    }

    private func readFromDisk(_ points: [LogPoint], total: Int, _ outcome: inout Outcome) {
        let readings: [LogIdentity: LogReading]
        do {
            readings = try log.read(points.map { ($0.log, $0.offset) }, total: total)
        } catch {
            outcome.failed += points.map(\.log)
            outcome.failure = error
            return
        }
        for point in points {
            switch readings[point.log] {
            case .batches(let batches): _ = serve(batches, at: point, &outcome)
            case .unreadable(let next):
                outcome.answers.append(.init(log: point.log, .gap(firstAvailable: next)))
                // Trimmed since it was planned: no damage.
                if let base = log.summary(of: point.log)?.base, point.offset < base { continue }
                outcome.unreadable.append((point.log, point.offset..<max(next, point.offset.advanced(by: 1))))
            case nil: continue
            }
        }
    }

    private func share(of steps: [HolderInstance.Step]) -> Int {
        max(Self.leastShare, budget / max(1, steps.count { if case .read = $0 { true } else { false } }))
    }

    private func refuse(_ step: HolderInstance.Step, _ outcome: inout Outcome) {
        switch step {
        case .read: return
        case .otherChain(let log): outcome.answers.append(.init(log: log, .otherChain))
        case .gap(let log, let first): outcome.answers.append(.init(log: log, .gap(firstAvailable: first)))
        }
    }

    /// Adds what may be served; its bytes.
    private func serve(_ batches: [EncodedBatch], at point: LogPoint, _ outcome: inout Outcome) -> Int {
        let served = cut(batches, point.log)
        guard let answer = HolderInstance.answer(served, at: point) else {
            outcome.failed.append(point.log)
            return 0
        }
        outcome.answers.append(.init(log: point.log, answer))
        return served.reduce(0) { $0 + $1.bytes.count }
    }

    /// S1a: nothing beyond an agreed end is served.
    private func cut(_ batches: [EncodedBatch], _ log: LogIdentity) -> [EncodedBatch] {
        guard let end = facts.servedEnd(of: log) else { return batches }
        return Array(batches.prefix { $0.endOffset <= end })
    }
}
