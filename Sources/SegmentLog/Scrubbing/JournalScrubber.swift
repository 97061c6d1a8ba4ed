// Reads what is flushed, over and over, so that damage is found while another region still holds the bytes (S7).

import ClusterModel
package import EventLog
import NodeEnvironment
import Synchronization

/// Verifies frames, checksums, padding and, from one segment to the next, each log's chain. Thread-safe; `step` blocks on
/// the disk and belongs on a dedicated executor. What it read leaves the page cache again.
package final class JournalScrubber: Sendable {
    /// As of the last step.
    package struct Facts: Hashable, Sendable {
        package var scrubbedBytes: UInt64 = 0
        package var scrubbedSegments: UInt64 = 0
        /// Of the segment that waits longest for its turn.
        package var age: Duration = .zero
        /// In segments that were read to their ends, in order.
        package var corruptRanges: [CorruptRange] = []
        /// The segments that hold them.
        package var corruptSegments: [UInt64] = []

        package init() {}
    }

    /// One segment on its way through.
    private struct Course {
        var reader: SegmentReader
        var window: ReadAhead
        var position: UInt64 = 0
        /// The next segment's first frame; nil where it does not stand: then nobody says where this one's groups end.
        var successor: GroupFrame?
        /// The last group that stands, here or before.
        var lastGroup: UInt64
        var end: UInt64? { successor?.previousSegmentEnd }
        var found: [CorruptRange] = []
        var isOver = false
    }

    private struct State {
        var schedule: ScrubSchedule
        var course: Course?
        /// Where each log goes on, behind the last group of the segment before.
        var chain: [LogIdentity: (end: Offset, digest: Digest128)] = [:]
        var last: (generation: UInt64, group: UInt64)?
        var corrupt: [UInt64: [CorruptRange]] = [:]
    }

    /// What others ask for. Its mutex is never held while something is read.
    private struct Published {
        var facts = Facts()
        var oldest: BootInstant?
        /// Segments that were repaired since the step began that is under way.
        var repaired: Set<UInt64> = []
    }

    /// Bytes read in one step, or one group.
    static let stepBytes: UInt64 = 1 << 20
    /// How long to wait where no segment is sealed.
    static let idle: Duration = .seconds(1)

    private let log: SegmentLog
    private let state: Mutex<State>
    private let published = Mutex(Published())

    package init(_ log: SegmentLog, bytesPerSecond: UInt64) {
        self.log = log
        state = Mutex(State(schedule: ScrubSchedule(bytesPerSecond: bytesPerSecond)))
    }

    /// Never waits for the disk.
    package func facts() -> Facts {
        let now = log.environment.clock.bootTime()
        return published.withLock { published in
            var facts = published.facts
            facts.age = published.oldest.map { now.since($0) } ?? .zero
            return facts
        }
    }

    /// A segment was repaired: it verifies as a whole. Never waits for the disk.
    package func onRepaired(_ generation: UInt64) {
        published.withLock { published in
            published.repaired.insert(generation)
            let path = log.directory.segmentPath(generation)
            published.facts.corruptSegments.removeAll { $0 == generation }
            published.facts.corruptRanges.removeAll { $0.path == path }
        }
    }

    /// What is known of repairs goes in before a step, what it found comes out behind it.
    private func takeRepaired(_ state: inout State) {
        let repaired = published.withLock { published in
            defer { published.repaired = [] }
            return published.repaired
        }
        for generation in repaired { state.corrupt[generation] = nil }
    }

    private func publish(_ state: State) {
        published.withLock { published in
            let corrupt = state.corrupt.filter { !published.repaired.contains($0.key) }
            published.facts.scrubbedBytes = state.schedule.bytes
            published.facts.scrubbedSegments = state.schedule.segments
            published.facts.corruptRanges = corrupt.sorted { $0.key < $1.key }.flatMap(\.value)
            published.facts.corruptSegments = corrupt.keys.sorted()
            published.oldest = state.schedule.oldest
        }
    }

    /// Verifies the next stretch; how long to wait before the next one. Only one thread at a time gets on: this mutex is held
    /// across the reading. Throws EventLogError `.io` where a file cannot be read: that segment has its turn again after all
    /// others.
    package func step() throws(EventLogError) -> Duration {
        let isCommitting = log.isCommitting
        return try state.withLock { (state: inout State) throws(EventLogError) -> Duration in
            takeRepaired(&state)
            defer { publish(state) }
            do throws(FileError) {
                return try step(&state, isCommitting)
            } catch {
                if let generation = state.course?.reader.generation { state.schedule.onSkipped(generation) }
                leave(&state)
                // Trimmed meanwhile.
                if error.code == .notFound { return Self.idle }
                throw EventLogError(.io, "a segment cannot be verified", cause: error)
            }
        }
    }

    private func step(_ state: inout State, _ isCommitting: Bool) throws(FileError) -> Duration {
        guard try begin(&state), var course = state.course else { return Self.idle }
        let start = course.position
        while !course.isOver, course.position - start < Self.stepBytes { try verify(&course, &state.chain) }
        let count = course.position - start
        course.reader.file.dropFromCache(at: start, count: Int(count))
        state.course = course
        if course.isOver {
            let generation = course.reader.generation
            state.corrupt[generation] = course.found.isEmpty ? nil : course.found
            state.schedule.onVerified(generation, at: log.environment.clock.bootTime())
            state.last = (generation, course.lastGroup)
            leave(&state)
        }
        return state.schedule.pause(after: max(count, UInt64(GroupFrame.alignment)), isCommitting: isCommitting)
    }

    private func leave(_ state: inout State) {
        state.course?.reader.file.close()
        state.course = nil
    }

    /// Whether there is a segment to go through.
    private func begin(_ state: inout State) throws(FileError) -> Bool {
        guard state.course == nil else { return true }
        let sealed = try log.sealedGenerations()
        state.corrupt = state.corrupt.filter { sealed.contains($0.key) }
        guard let next = state.schedule.next(of: sealed, at: log.environment.clock.bootTime()) else { return false }
        let before = state.last.flatMap { $0.generation + 1 == next ? $0.group : nil }
        if before == nil { state.chain = [:] }
        let successor = try log.directory.successor(of: next, journal: log.journal)
        do {
            let file = try log.directory.files.open(log.directory.segmentPath(next), .read)
            let reader = try SegmentReader(file: file, journal: log.journal, generation: next)
            state.course = Course(
                reader: reader, window: ReadAhead(file, ahead: Int(Self.stepBytes)), successor: successor,
                lastGroup: before ?? 0)
            return true
        } catch {
            state.schedule.onSkipped(next)
            throw error
        }
    }

    private func verify(
        _ course: inout Course, _ chain: inout [LogIdentity: (end: Offset, digest: Digest128)]
    ) throws(FileError) {
        let position = course.position
        if let end = course.end, position >= end {
            course.isOver = true
            return
        }
        switch try course.reader.item(at: position, &course.window) {
        case .group(let group):
            course.position = group.end
            course.lastGroup = group.frame.number
            for batch in group.batches where !follow(batch, &chain) {
                note(&course, position..<group.end, "batch of \(batch.header.log) is of another chain")
            }
        case .end where course.end == nil: course.isOver = true
        case .end: try skip(&course, "zeros where a group stood", &chain)
        case .damaged(let reason): try skip(&course, reason, &chain)
        }
    }

    /// False where the batch goes on at the right offset with the wrong digest. Copies and what follows a gap begin anew.
    private func follow(
        _ batch: EncodedBatch, _ chain: inout [LogIdentity: (end: Offset, digest: Digest128)]
    ) -> Bool {
        let identity = batch.header.log
        let known = chain[identity]
        if let known, batch.endOffset <= known.end { return true }
        chain[identity] = (batch.endOffset, batch.chainDigest)
        guard let known, known.end == batch.header.baseOffset else { return true }
        return known.digest == batch.header.previousDigest
    }

    /// Goes on behind damage, where the next group stands.
    private func skip(
        _ course: inout Course, _ reason: String, _ chain: inout [LogIdentity: (end: Offset, digest: Digest128)]
    ) throws(FileError) {
        let position = course.position
        let next = try course.reader.nextGroup(from: position + UInt64(GroupFrame.alignment))
        if next == nil, course.successor?.standsFor(everythingBehind: course.lastGroup) == true {
            course.isOver = true
            return
        }
        let stop = next?.frame.position ?? course.end
        chain = [:]
        note(&course, position..<(stop ?? course.reader.length), reason)
        if let stop { course.position = max(stop, position + 1) } else { course.isOver = true }
    }

    private func note(_ course: inout Course, _ range: Range<UInt64>, _ reason: String) {
        guard course.found.count < Self.maxRanges else { return }
        let path = log.directory.segmentPath(course.reader.generation)
        course.found.append(CorruptRange(path: path, bytes: range, reason: reason))
    }

    /// Ranges of one segment that are named one by one.
    private static let maxRanges = 64
}

extension SegmentLog {
    /// Segments that no group is appended to any more, in order.
    func sealedGenerations() throws(FileError) -> [UInt64] {
        let newest = state.withLock { $0.table.newestGeneration }
        return try directory.generations().filter { $0 < newest }
    }

    /// Whether something waits for the disk.
    var isCommitting: Bool { state.withLock { !$0.queue.isEmpty } }
}
