// Reads many logs in one pass over the journal, in which their batches lie interleaved.

import ClusterModel
import EventLog
import NodeEnvironment

/// Goes forward from the earliest place that some log needs and jumps over stretches that none does. A log is taken up
/// where the pass comes to its place, and followed as far as the pass goes: then all go on from one place, so that the
/// next pass reads nothing again, however unequal the logs are.
///
/// Damage costs the log whose batch it hit, and no other (S7): the pass goes on behind it, and where the batch was written
/// a second time after an unclean stop, it takes the copy. Bounded memory: what was found, and one window.
struct JournalSweep {
    /// One log: where it goes on, and what was found.
    struct Want {
        let log: LogIdentity
        /// What was asked for.
        let start: Offset
        /// Nothing beyond it is flushed, or was when the sweep began (S6).
        let end: Offset
        /// The offset that the next batch has to contain or begin with.
        var next: Offset
        /// No batch from `next` on stands before it.
        var place: JournalPlace
        var found: [EncodedBatch] = []
        /// What holds `next` does not verify any more; what comes after it begins here.
        var resumes: Offset?

        var isOver: Bool { resumes != nil || next >= end }
        var isUntouched: Bool { resumes == nil && found.isEmpty }
    }

    private let directory: JournalDirectory
    private let journal: UInt64
    private let longest: UInt64
    /// Bytes of batches that may still be taken.
    private var rest: Int
    private var hasTaken = false
    /// Journal bytes read.
    private var scanned: UInt64 = 0
    /// The earliest last.
    private var pending: [Want]
    private var active: [LogIdentity: Want] = [:]
    private var done: [Want]

    /// `total`: bytes of batches, but at least one batch. `longest`: journal bytes of the whole sweep, so that it does not
    /// look for what is sparse for as long as it takes.
    init(_ wants: [Want], total: Int, longest: UInt64, directory: JournalDirectory, journal: UInt64) {
        pending = wants.filter { !$0.isOver }.sorted { $1.place < $0.place }
        done = wants.filter(\.isOver)
        self.longest = longest
        rest = max(1, total)
        self.directory = directory
        self.journal = journal
    }

    /// Every want with what was found, and with a place to go on from. Blocks on the disk.
    mutating func run() throws(FileError) -> [Want] {
        let generations = try directory.generations()
        while isWithinBounds, let start = nextStart() {
            guard let index = generations.firstIndex(where: { $0 >= start.generation }) else {
                loseAll()
                break
            }
            let generation = generations[index]
            let following = index + 1 < generations.count ? generations[index + 1] : nil
            do throws(FileError) {
                try pass(over: generation, from: generation == start.generation ? start.position : 0, following)
            } catch  where error.code == .notFound {
                skip(generation)
            }
        }
        return done + pending + active.values
    }

    /// The segment was trimmed since it was listed: who needs it finds a gap in front of what is left (S8).
    private mutating func skip(_ generation: UInt64) {
        while let next = pending.last, next.place.generation <= generation { active[next.log] = pending.removeLast() }
        move(to: JournalPlace(generation: generation + 1, position: 0))
    }

    private var isWithinBounds: Bool { rest > 0 && scanned < longest }

    /// Where the active logs are, or the earliest of the pending ones.
    private func nextStart() -> JournalPlace? { active.values.map(\.place).min() ?? pending.last?.place }

    /// One segment, until no log that is followed is left or the bounds are met.
    private mutating func pass(
        over generation: UInt64, from start: UInt64, _ following: UInt64?
    ) throws(FileError) {
        let file = try directory.files.open(directory.segmentPath(generation), .read)
        defer { file.close() }
        var window = SegmentWindow(try SegmentReader(file: file, journal: journal, generation: generation))
        let before = scanned
        var position = start
        while isWithinBounds {
            let place = JournalPlace(generation: generation, position: position)
            takeUp(at: place)
            if active.isEmpty { return }
            if let group = try window.frame(at: position) {
                try take(group, at: place, &window)
                position = group.end
            } else if let next = try resume(behind: position, &window, following) {
                position = next
            } else {
                return move(to: JournalPlace(generation: generation + 1, position: 0))
            }
            scanned = before + window.bytesRead
            // Where the bytes ran out in the middle of a group, its rest is still to be taken.
            if rest > 0 { move(to: JournalPlace(generation: generation, position: position)) }
        }
    }

    /// Where no frame stands at `position`: where one does behind it in this segment; nil at the segment's end, which the
    /// following one knows.
    private mutating func resume(
        behind position: UInt64, _ window: inout SegmentWindow, _ following: UInt64?
    ) throws(FileError) -> UInt64? {
        if let following {
            let file = try directory.files.open(directory.segmentPath(following), .read)
            defer { file.close() }
            let reader = try SegmentReader(file: file, journal: journal, generation: following)
            var first = SegmentWindow(reader)
            if let frame = try first.frame(at: 0)?.frame, frame.previousSegmentEnd <= position { return nil }
        }
        return try window.nextFrame(from: position + UInt64(GroupFrame.alignment))
    }

    private mutating func takeUp(at place: JournalPlace) {
        while let next = pending.last, next.place <= place { active[next.log] = pending.removeLast() }
    }

    private mutating func move(to place: JournalPlace) {
        for log in active.keys { active[log]?.place = place }
    }

    /// Nothing is left to read.
    private mutating func loseAll() {
        for want in Array(active.values) + pending {
            var want = want
            want.resumes = want.end
            done.append(want)
        }
        (active, pending) = ([:], [])
    }

    private mutating func finish(_ want: Want, at place: JournalPlace) {
        var want = want
        want.place = place
        active[want.log] = nil
        done.append(want)
    }

    // MARK: One group

    private mutating func take(
        _ group: FoundFrame, at place: JournalPlace, _ window: inout SegmentWindow
    ) throws(FileError) {
        var position = group.batches
        for entry in group.frame.entries {
            guard rest > 0, !active.isEmpty else { return }
            if let want = active[entry.log] {
                try take(entry, at: position, for: want, of: group, at: place, &window)
            }
            position += UInt64(entry.length)
        }
    }

    private mutating func take(
        _ entry: GroupFrame.Entry, at position: UInt64, for want: Want, of group: FoundFrame,
        at place: JournalPlace, _ window: inout SegmentWindow
    ) throws(FileError) {
        var want = want
        if entry.base > want.next {
            // What stood in between is damaged. Its copy, where it was written again, comes before a group that vouches.
            guard group.vouchesForAllBefore else { return }
            want.resumes = min(entry.base, want.end)
            return finish(want, at: place)
        }
        if entry.base < want.next {
            // Before what is asked for, the batch that holds it, or a copy.
            guard want.found.isEmpty, let header = try window.header(entry, at: position),
                header.baseOffset.advanced(by: Int(header.count)) > want.next
            else { return }
        }
        if hasTaken, Int(entry.length) > rest {
            rest = 0
            return
        }
        guard let batch = try window.batch(entry, at: position) else { return }
        if batch.endOffset > want.end { return finish(want, at: place) }
        want.found.append(batch)
        want.next = batch.endOffset
        rest -= batch.length
        hasTaken = true
        if want.next >= want.end { return finish(want, at: place) }
        active[want.log] = want
    }
}

extension JournalPlace: Comparable {
    static func < (lhs: Self, rhs: Self) -> Bool {
        (lhs.generation, lhs.position) < (rhs.generation, rhs.position)
    }
}
