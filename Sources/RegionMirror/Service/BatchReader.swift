// What goes into one reply: batches of the logs that a plan names, within a budget.

import ClusterModel
import EventLog

/// Reads for one reply. Every log gets its share before any gets more.
struct BatchReader: Sendable {
    let log: any EventLogEngine
    let facts: LineageFacts
    /// Bytes of batches; at least one batch always goes.
    let budget: Int

    /// Least share of one log, so that many logs do not shrink to a batch each.
    private static let leastShare = 64 << 10

    /// Nil where a batch has to come from the disk. Never blocks.
    func fromMemory(_ steps: [HolderInstance.Step]) -> [PullReply.LogAnswer]? {
        gather(steps) { point, bytes in log.recent(point.log, from: point.offset, maxBytes: bytes) }
    }

    /// Blocks on the disk for what is not in memory. What cannot be read is left out: the follower asks again, and the
    /// scrubber's alarm says why.
    func fromDisk(_ steps: [HolderInstance.Step]) -> [PullReply.LogAnswer] {
        let answers = gather(steps) { point, bytes in
            if let recent = log.recent(point.log, from: point.offset, maxBytes: bytes) { return recent }
            // As the comment above says.
            return (try? log.read(point.log, from: point.offset, maxBytes: bytes)) ?? []
        }
        return answers ?? []
    }

    private func gather(
        _ steps: [HolderInstance.Step], _ read: (LogPoint, Int) -> [EncodedBatch]?
    ) -> [PullReply.LogAnswer]? {
        var answers: [PullReply.LogAnswer] = []
        let reads = steps.count { if case .read = $0 { true } else { false } }
        let share = max(Self.leastShare, budget / max(1, reads))
        var rest = budget
        for step in steps {
            switch step {
            case .otherChain(let log): answers.append(.init(log: log, .otherChain))
            case .gap(let log, let first): answers.append(.init(log: log, .gap(firstAvailable: first)))
            case .read(let point):
                guard rest > 0 else { continue }
                guard let batches = read(point, min(share, rest)) else { return nil }
                let served = cut(batches, point.log)
                guard let answer = HolderInstance.answer(served, at: point) else { continue }
                answers.append(.init(log: point.log, answer))
                rest -= served.reduce(0) { $0 + $1.bytes.count }
            }
        }
        return answers
    }

    /// S1a: nothing beyond an agreed end is served.
    private func cut(_ batches: [EncodedBatch], _ log: LogIdentity) -> [EncodedBatch] {
        guard let end = facts.servedEnd(of: log) else { return batches }
        return Array(batches.prefix { $0.endOffset <= end })
    }
}
