// Repair of a sealed segment of a running node's journal.

import ClusterModel
package import EventLog
import NodeEnvironment
import Synchronization

extension SegmentLog {
    /// The segment that a corrupt range's path names; nil where it names none.
    package func generation(ofSegment path: String) -> UInt64? {
        path.split(separator: "/").last.flatMap { JournalDirectory.generation(ofSegment: $0) }
    }

    /// What a sealed segment needs to be whole again. Blocks on the disk. Throws EventLogError `.io`, and `.outOfRange` for
    /// a segment that is in use or gone.
    package func repairPlan(of generation: UInt64) throws(EventLogError) -> RepairPlan {
        try withoutTrims { () throws(EventLogError) -> RepairPlan in
            let survey = try reading { () throws(FileError) -> DamagedSegment in
                try repairer.survey(generation, try extent(of: generation))
            }
            return try RepairPlan(
                of: generation, survey, at: directory.segmentPath(generation),
                need: { (run) throws(EventLogError) in try need(of: run, survey, generation) },
                lacks: { (stretch) throws(EventLogError) in try lacks(in: stretch, survey, generation) })
        }
    }

    /// Makes a segment whole with `batches`, of which each stretch must meet a need of its plan. What no batch is given for
    /// stays as it is. Whether all of the segment verifies now. Blocks on the disk. Throws EventLogError: `.corrupt` where
    /// the batches are not the ones, `.io`, `.noSpace`; the segment is unchanged then.
    package func repair(_ generation: UInt64, with batches: [EncodedBatch]) throws(EventLogError) -> Bool {
        let plan = try repairPlan(of: generation)
        let given = try plan.accept(batches)
        guard !given.isEmpty || plan.hasKnown else { return plan.isSound }
        return try withoutTrims { () throws(EventLogError) -> Bool in
            state.withLock { state in
                for planned in plan.stretches {
                    state.table.widen(planned.stretch.bytes, in: generation)
                    state.readPlaces.widen(planned.stretch.bytes, in: generation)
                }
            }
            return try reading { () throws(FileError) -> Bool in
                try repairer.replace(plan, try extent(of: generation), given)
            }
        }
    }

    // MARK: Reading

    /// One at a time, and no segment goes meanwhile.
    private func withoutTrims<Value: Sendable>(
        _ body: () throws(EventLogError) -> Value
    ) throws(EventLogError) -> Value {
        try trimming.withLock { (_: inout Trimming) throws(EventLogError) -> Value in try body() }
    }

    private func reading<Value>(_ body: () throws(FileError) -> Value) throws(EventLogError) -> Value {
        do throws(FileError) {
            return try body()
        } catch {
            switch error.code {
            case .notFound: throw EventLogError(.outOfRange, "no sealed segment of that number", cause: error)
            case .noSpace: throw EventLogError(.noSpace, "no room for a repaired copy", cause: error)
            default: throw EventLogError(.io, "the segment cannot be repaired", cause: error)
            }
        }
    }

    private var repairer: SegmentRepairer { SegmentRepairer(directory: directory, journal: journal) }

    private func extent(of generation: UInt64) throws(FileError) -> SegmentExtent {
        guard try sealedGenerations().contains(generation),
            let successor = try directory.successor(of: generation, journal: journal)
        else {
            throw FileError(.notFound, operation: "survey", path: directory.segmentPath(generation))
        }
        return SegmentExtent(
            end: successor.previousSegmentEnd, mark: successor.mark, nextGroup: successor.number)
    }

    /// Nil where a digest at one of its ends is not known here.
    private func need(
        of run: DamagedSegment.Run, _ survey: DamagedSegment, _ generation: UInt64
    ) throws(EventLogError) -> RepairNeed? {
        guard let from = run.missing.first?.entry.base, let last = run.missing.last?.entry.base,
            let before = digest(before: from, of: run.log, survey)
        else { return nil }
        let links = survey.links[run.log] ?? []
        if let next = links.filter({ $0.base > last }).min(by: { $0.base < $1.base }) {
            return RepairNeed(log: run.log, from: from, before: before, goal: .end(next.base, next.previous))
        }
        guard let entry = state.withLock({ $0.table[run.log] }) else { return nil }
        return try side(behind: generation, entry, of: run.log).map { side in
            RepairNeed(log: run.log, from: from, before: before, goal: .end(side.offset, side.digest))
        }
    }

    /// Where the log goes on behind a segment; nil where that cannot be read.
    private func side(
        behind generation: UInt64, _ entry: LogTable.Entry, of log: LogIdentity
    ) throws(EventLogError) -> DamagedSegment.Side? {
        guard let next = entry.first(after: generation) else {
            return DamagedSegment.Side(offset: entry.end, digest: entry.digest)
        }
        let after = try reading { () throws(FileError) -> Digest128? in
            try chainDigest(before: next.base, of: log, at: next.place)
        }
        return after.map { DamagedSegment.Side(offset: next.base, digest: $0) }
    }

    /// What each log lacks between the batch before the stretch and the one behind it; nil where that of one of them is not
    /// known. The first batch of a log in a segment is in the index: where it stands behind the stretch, or nowhere, nothing is
    /// missing.
    private func lacks(
        in stretch: LostStretch, _ survey: DamagedSegment, _ generation: UInt64
    ) throws(EventLogError) -> [RepairNeed]? {
        var needs: [RepairNeed] = []
        let table = state.withLock(\.table)
        for log in table.logs {
            guard let entry = table[log],
                let first = entry.index.first(where: { $0.place.generation == generation }),
                first.place.position < stretch.bytes.upperBound
            else { continue }
            let sides = survey.sides(of: stretch, in: log)
            var behind = sides.behind
            if behind == nil { behind = try side(behind: generation, entry, of: log) }
            let before =
                sides.before
                ?? digest(before: first.base, of: log, survey).map {
                    DamagedSegment.Side(offset: first.base, digest: $0)
                }
            guard let before, let behind else { return nil }
            if before.offset >= behind.offset { continue }
            guard !survey.isShared(stretch, in: log) else { return nil }
            needs.append(
                RepairNeed(
                    log: log, from: before.offset, before: before.digest, goal: .end(behind.offset, behind.digest)))
        }
        return needs
    }

    private func digest(before offset: Offset, of log: LogIdentity, _ survey: DamagedSegment) -> Digest128? {
        if let link = survey.links[log]?.first(where: { $0.end == offset }) { return link.digest }
        if let known = chainDigest(of: log, at: offset) { return known }
        guard offset > .zero else { return .zero }
        // What cannot be read cannot vouch.
        let batch = try? read(log, from: Offset(offset.rawValue - 1), maxBytes: 1).first
        return batch.flatMap { $0.endOffset == offset ? $0.chainDigest : nil }
    }
}
