// Repair of a stopped node's journal: which segments are damaged, what each needs, and the putting back of what a holder gave.

import ClusterModel
package import EventLog
package import NodeEnvironment

/// Holds the journal until `release`. Everything here blocks on the disk; nothing is changed but what `repair` makes whole.
package struct JournalRepair: Sendable {
    private let stopped: StoppedJournal
    private let repairer: SegmentRepairer
    private let extents: [UInt64: SegmentExtent]
    /// Ends of logs as the clean stop's index has them; nil after any other end of the node.
    private let index: JournalIndex?
    /// What the verification named: damage, and what follows the gaps that it leaves.
    package let corruptRanges: [CorruptRange]
    /// Segments in which bytes do not verify, in order. What is missing as a whole is not among them.
    package let damaged: [UInt64]

    /// Verifies all of the journal in `path`. `changes`: whether `repair` will be called; without, a read-only disk will do.
    /// Throws EventLogError and DirectoryRefusal; FileError `.locked` while a node runs on it.
    package init(directory path: String, files: any FileStore, changes: Bool = true) throws {
        let stopped = try StoppedJournal(path, files: files, changes: changes)
        do {
            let scan = try stopped.scan { _ in }
            let index = try stopped.mark.flatMap { try stopped.directory.readIndex(of: $0) }
            let extents = try Self.extents(of: scan, stopped)
            let repairer = SegmentRepairer(directory: stopped.directory, journal: stopped.journal)
            let paths = Set(scan.corruptRanges.map(\.path))
            // Behind a gap a log is reported to its end; the bytes there are sound.
            damaged = try extents.filter { generation, extent in
                try paths.contains(stopped.directory.segmentPath(generation))
                    && !repairer.survey(generation, extent).isSound
            }.keys.sorted()
            corruptRanges = scan.corruptRanges
            (self.index, self.extents, self.repairer) = (index, extents, repairer)
        } catch {
            stopped.release()
            throw error
        }
        self.stopped = stopped
    }

    /// Verifies all of the journal once more: what does not verify now.
    package func verify() throws -> [CorruptRange] { try stopped.scan { _ in }.corruptRanges }

    /// What does not verify in one of `damaged`, byte for byte. Throws EventLogError as `plan`.
    package func damage(of generation: UInt64) throws(EventLogError) -> [CorruptRange] {
        let survey = try survey(generation)
        let path = path(of: generation)
        let missing = survey.missing.map { item in
            CorruptRange(
                path: path, bytes: item.position..<item.position + UInt64(item.entry.length),
                reason: "the batch of \(item.entry.log) at \(item.entry.base.rawValue) does not verify")
        }
        let known = survey.known.map { item in
            CorruptRange(
                path: path, bytes: item.position..<item.position + UInt64(item.bytes.count),
                reason: "a group frame or padding is wrong, and known")
        }
        let lost = survey.lost.map {
            CorruptRange(path: path, bytes: $0.bytes, reason: "neither frame nor batches can be read")
        }
        return (missing + known + lost).sorted { $0.bytes.lowerBound < $1.bytes.lowerBound }
    }

    /// Whose the journal is; nil where nothing says it.
    package var identity: DirectoryIdentity? { stopped.identity }

    /// The file of a segment.
    package func path(of generation: UInt64) -> String { stopped.directory.segmentPath(generation) }

    /// Nodes may start on the journal again.
    package func release() { stopped.release() }

    /// What one of `damaged` needs. Throws EventLogError `.io`, `.outOfRange` for a segment that is not there. Reads the
    /// frames of the whole journal.
    package func plan(of generation: UInt64) throws(EventLogError) -> RepairPlan {
        let survey = try survey(generation)
        let runs = survey.runs
        let sides = try sides(of: runs, survey, generation)
        let neighbours = survey.lost.isEmpty ? nil : try neighbours(of: generation)
        return try RepairPlan(
            of: generation, survey, at: path(of: generation),
            need: { (run) throws(EventLogError) in
                guard let place = runs.firstIndex(of: run) else { return nil }
                return need(of: run, sides[place])
            },
            lacks: { (stretch) throws(EventLogError) in
                try onDisk { () throws(FileError) in
                    try neighbours?.lacks(in: stretch, survey, index: index?.table) {
                        (entry, place) throws(FileError) in
                        try read(entry, at: place)
                    }
                }
            })
    }

    /// Puts `batches` in, of which each stretch must meet a need of `plan`. Whether all of the segment verifies now. Throws
    /// EventLogError: `.corrupt` where they are not the ones, `.io`, `.noSpace`; the segment is unchanged then.
    package func repair(_ plan: RepairPlan, with batches: [EncodedBatch]) throws(EventLogError) -> Bool {
        let given = try plan.accept(batches)
        guard !given.isEmpty || plan.hasKnown else { return plan.isSound }
        guard let extent = extents[plan.generation] else { return false }
        return try onDisk { () throws(FileError) -> Bool in
            try widenIndex(to: plan)
            return try repairer.replace(plan, extent, given)
        }
    }

    /// The next start looks at a stretch that was put together anew from its beginning on. First: nothing is lost by that where
    /// the segment stays as it is.
    private func widenIndex(to plan: RepairPlan) throws(FileError) {
        guard !plan.stretches.isEmpty, var index else { return }
        for planned in plan.stretches { index.table.widen(planned.stretch.bytes, in: plan.generation) }
        try stopped.directory.writeIndex(index)
    }

    private func neighbours(of generation: UInt64) throws(EventLogError) -> StretchNeighbours {
        var neighbours = StretchNeighbours(around: generation, trimmed: stopped.trimmed)
        for other in extents.keys.sorted() where other != generation {
            if damaged.contains(other) {
                neighbours.take(try survey(other).links, of: other)
            } else {
                try onDisk { () throws(FileError) in
                    let file = try stopped.directory.files.open(path(of: other), .read)
                    defer { file.close() }
                    try neighbours.read(try SegmentReader(file: file, journal: stopped.journal, generation: other))
                }
            }
        }
        return neighbours
    }

    private func read(_ entry: GroupFrame.Entry, at place: JournalPlace) throws(FileError) -> EncodedBatch? {
        let file = try stopped.directory.files.open(path(of: place.generation), .read)
        defer { file.close() }
        var window = SegmentWindow(
            try SegmentReader(file: file, journal: stopped.journal, generation: place.generation))
        return try window.batch(entry, at: place.position)
    }

    private func survey(_ generation: UInt64) throws(EventLogError) -> DamagedSegment {
        guard let extent = extents[generation] else {
            throw EventLogError(.outOfRange, "no segment of number \(generation)")
        }
        return try onDisk { () throws(FileError) -> DamagedSegment in try repairer.survey(generation, extent) }
    }

    private func need(of run: DamagedSegment.Run, _ sides: RunNeighbours.Sides) -> RepairNeed? {
        guard let from = run.missing.first?.entry.base, let last = run.missing.last?.entry.base,
            let before = sides.before
        else { return nil }
        if let next = sides.next {
            return RepairNeed(log: run.log, from: from, before: before, goal: .end(next.base, next.previous))
        }
        if let entry = index?.table[run.log], entry.end > last {
            return RepairNeed(log: run.log, from: from, before: before, goal: .end(entry.end, entry.digest))
        }
        let traces = run.missing.map { RepairNeed.Trace(length: $0.entry.length, header: $0.header) }
        return RepairNeed(log: run.log, from: from, before: before, goal: .batches(traces))
    }

    private func sides(
        of runs: [DamagedSegment.Run], _ survey: DamagedSegment, _ generation: UInt64
    ) throws(EventLogError) -> [RunNeighbours.Sides] {
        var neighbours = RunNeighbours(runs, trimmed: stopped.trimmed)
        guard !runs.isEmpty else { return [] }
        neighbours.take(survey.links)
        for other in extents.keys.sorted() where other != generation {
            if damaged.contains(other) {
                neighbours.take(try self.survey(other).links)
            } else {
                try onDisk { () throws(FileError) in
                    let file = try stopped.directory.files.open(path(of: other), .read)
                    defer { file.close() }
                    try neighbours.read(
                        try SegmentReader(file: file, journal: stopped.journal, generation: other))
                }
            }
        }
        return neighbours.sides
    }

    /// How far each segment's groups go: as its successor says; the last one, as the scan found.
    private static func extents(
        of scan: JournalScan, _ stopped: StoppedJournal
    ) throws(FileError) -> [UInt64: SegmentExtent] {
        var extents: [UInt64: SegmentExtent] = [:]
        for generation in try stopped.directory.generations() where generation >= stopped.trimmed.firstGeneration {
            if let next = try stopped.directory.successor(of: generation, journal: stopped.journal) {
                extents[generation] = SegmentExtent(
                    end: next.previousSegmentEnd, mark: next.mark, nextGroup: next.number)
            } else if let end = scan.ends[generation] {
                extents[generation] = SegmentExtent(end: end, mark: nil)
            }
        }
        return extents
    }

    private func onDisk<Value>(_ body: () throws(FileError) -> Value) throws(EventLogError) -> Value {
        do throws(FileError) {
            return try body()
        } catch {
            let code: EventLogError.Code = error.code == .noSpace ? .noSpace : .io
            throw EventLogError(code, "the segment cannot be repaired", cause: error)
        }
    }
}
