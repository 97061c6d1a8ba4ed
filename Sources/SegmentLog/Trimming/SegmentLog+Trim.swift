// Carries a trim plan out. Order is what makes it safe (FAULTS 18): new bases durable, then known to readers, then the
// segments go; a crash between any two of these is finished by the next start or the next round.

package import ClusterModel
package import EventLog
import NodeEnvironment
import Synchronization

/// What one round of trimming did and saw.
package struct TrimReport: Hashable, Sendable {
    package var removedSegments = 0
    package var removedBytes: UInt64 = 0
    /// Of what is left, segments in use included.
    package var journalBytes: UInt64 = 0
    package var segments = 0
    /// The newest stamp in the oldest sealed segment that is left; nil where there is none.
    package var oldest: WallTime?
    /// The oldest stamp in it.
    package var oldestRecord: WallTime?
    /// Why that one stays.
    package var hold: TrimHold?
    package var brokenPins: Set<String> = []

    package init() {}
}

extension SegmentLog {
    /// What trimming remembers between rounds. Its mutex is held across I/O: one round at a time.
    struct Trimming: Sendable {
        var prefix: TrimmedPrefix
        /// The oldest segment as it was last read: sealed segments do not change.
        var known: SegmentContents?
    }

    /// Removes what may go, from the oldest segment on. Blocks on the disk: for a dedicated executor. Throws
    /// EventLogError `.io`, and what the log ended with; what was begun is finished by the next call or start.
    package func trim(_ inputs: TrimInputs) throws(EventLogError) -> TrimReport {
        if let failure { throw failure }
        do {
            return try trimming.withLock { trimming throws(FileError) in try trim(inputs, &trimming) }
        } catch {
            throw EventLogError(.io, "the journal cannot be trimmed", cause: error)
        }
    }

    private func trim(_ inputs: TrimInputs, _ trimming: inout Trimming) throws(FileError) -> TrimReport {
        try directory.removeSegments(below: trimming.prefix.firstGeneration)
        let newest = state.withLock { $0.table.newestGeneration }
        let generations = try directory.generations()
        var journalBytes: UInt64 = 0
        for generation in generations { journalBytes += try directory.segmentLength(generation) }
        var plan = TrimPlan(inputs, journalBytes: journalBytes)
        var report = TrimReport()
        for generation in generations where generation < newest && plan.hold == nil {
            let contents = try contents(of: generation, among: generations, &trimming)
            if plan.take(contents) {
                report.removedBytes += contents.bytes
            } else {
                report.oldest = contents.newest
                report.oldestRecord = contents.oldest
            }
        }
        report.hold = plan.hold
        report.brokenPins = plan.brokenPins
        if let last = plan.going.last, try remove(through: last, &trimming) {
            report.removedSegments = plan.going.count
        } else {
            report.removedBytes = 0
        }
        report.segments = generations.count - report.removedSegments
        report.journalBytes = journalBytes - min(journalBytes, report.removedBytes)
        return report
    }

    private func contents(
        of generation: UInt64, among generations: [UInt64], _ trimming: inout Trimming
    ) throws(FileError) -> SegmentContents {
        if let known = trimming.known, known.generation == generation { return known }
        var stamps = try SegmentStamps(of: generation, in: directory, journal: journal)
        for later in generations where later > generation && stamps.isUnknown {
            stamps.borrow(from: try SegmentStamps(of: later, in: directory, journal: journal))
        }
        let ends = state.withLock { $0.table.ends(through: generation) }
        stamps.fill(ends.keys)
        let contents = SegmentContents(
            generation: generation, bytes: try directory.segmentLength(generation),
            parts: ends.reduce(into: [:]) { parts, item in
                guard item.value.isInSegment || !stamps.isWhole else { return }
                parts[item.key] = SegmentContents.Part(end: item.value.end, lastStamp: stamps.last(of: item.key))
            }, dropped: stamps.newest, oldest: stamps.first?.wallTime)
        trimming.known = contents
        return contents
    }

    /// False where the digest at a new base cannot be read: damage there is repaired first.
    private func remove(through last: UInt64, _ trimming: inout Trimming) throws(FileError) -> Bool {
        var prefix = trimming.prefix
        let (cuts, bases) = state.withLock { ($0.table.cuts(through: last), $0.table.bases) }
        // An index of a clean stop knows them too, where both copies were damaged.
        prefix.bases.merge(bases) { known, _ in known }
        for (log, cut) in cuts {
            switch cut {
            case .whole(let base): prefix.bases[log] = base
            case .before(let offset, let place, let known):
                let read = known == nil ? try chainDigest(before: offset, of: log, at: place) : known
                guard let digest = read else { return false }
                prefix.bases[log] = TrimmedPrefix.Base(
                    offset: offset, digest: digest, lastStamp: trimming.prefix.bases[log]?.lastStamp ?? .zero,
                    epoch: trimming.prefix.bases[log]?.epoch ?? Epoch(0))
            }
        }
        prefix.sequence += 1
        prefix.firstGeneration = last + 1
        try directory.writeTrimmed(prefix)
        trimming.prefix = prefix
        trimming.known = nil
        state.withLock { $0.table.trim(to: prefix) }
        try directory.removeSegments(below: prefix.firstGeneration)
        return true
    }

    /// From the header of the batch that begins there.
    func chainDigest(
        before offset: Offset, of log: LogIdentity, at place: JournalPlace
    ) throws(FileError) -> Digest128? {
        let file = try directory.files.open(directory.segmentPath(place.generation), .read)
        defer { file.close() }
        var window = SegmentWindow(
            try SegmentReader(file: file, journal: journal, generation: place.generation))
        guard let group = try window.frame(at: place.position) else { return nil }
        var position = group.batches
        for entry in group.frame.entries {
            if entry.log == log, entry.base == offset {
                return try window.header(entry, at: position)?.previousDigest
            }
            position += UInt64(entry.length)
        }
        return nil
    }
}
