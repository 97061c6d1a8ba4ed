// What a disk has lost of a log and asks other holders for.

package import ClusterModel

/// A stretch of one log that does not verify on this disk. What it must chain to is known here: nobody else's word is needed
/// (S8).
package struct RepairNeed: Hashable, Sendable {
    /// What shows that all of it was found.
    package enum Goal: Hashable, Sendable {
        /// Where it ends, and the chain digest there: what follows on this disk names them, or the log's known end does.
        case end(Offset, Digest128)
        /// Nothing follows: as many batches, each as what is left of it on this disk says.
        case batches([Trace])
    }

    /// What is left of a batch.
    package struct Trace: Hashable, Sendable {
        /// As the group frame says.
        package var length: UInt32
        /// Where it verifies: it has the body's checksum.
        package var header: BatchHeader?

        package init(length: UInt32, header: BatchHeader?) {
            self.length = length
            self.header = header
        }

        func isOf(_ batch: EncodedBatch) -> Bool {
            batch.length == Int(length) && header.map { $0 == batch.header } ?? true
        }
    }

    package var log: LogIdentity
    package var from: Offset
    /// The chain digest before `from`.
    package var before: Digest128
    package var goal: Goal

    package init(log: LogIdentity, from: Offset, before: Digest128, goal: Goal) {
        self.log = log
        self.from = from
        self.before = before
        self.goal = goal
    }

    /// Whether `batch` is the next one behind `batches`, as far as can be told before the goal is reached.
    package func takes(_ batch: EncodedBatch, behind batches: [EncodedBatch]) -> Bool {
        let (end, digest) = batches.last.map { ($0.endOffset, $0.chainDigest) } ?? (from, before)
        guard batch.extends(log, end: end, digest: digest) else { return false }
        switch goal {
        case .end(let to, _): return batch.endOffset <= to
        case .batches(let traces): return batches.count < traces.count && traces[batches.count].isOf(batch)
        }
    }

    /// Whether these follow each other from one end to the other, on the chain.
    package func isMet(by batches: [EncodedBatch]) -> Bool {
        var taken: [EncodedBatch] = []
        for batch in batches {
            guard takes(batch, behind: taken) else { return false }
            taken.append(batch)
        }
        switch goal {
        case .end(let to, let after):
            return taken.last?.endOffset ?? from == to && taken.last?.chainDigest ?? before == after
        case .batches(let traces): return taken.count == traces.count
        }
    }

    /// Of what a holder gave, what lies in the stretch, in order.
    package func select(from batches: [EncodedBatch]) -> [EncodedBatch] {
        let found = batches.filter { batch in
            guard batch.header.log == log, batch.header.baseOffset >= from else { return false }
            if case .end(let to, _) = goal { return batch.endOffset <= to }
            return true
        }.sorted { $0.header.baseOffset < $1.header.baseOffset }
        // Two needs may have brought the same.
        var distinct: [EncodedBatch] = []
        for batch in found
        where distinct.last.map({ $0.header != batch.header || $0.chainDigest != batch.chainDigest }) ?? true {
            distinct.append(batch)
        }
        if case .batches(let traces) = goal { return Array(distinct.prefix(traces.count)) }
        return distinct
    }
}
