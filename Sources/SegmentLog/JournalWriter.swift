// The writing side of the journal: groups into segments. Runs on the commit executor only.

import ClusterModel
import EventLog
import NodeEnvironment

/// Appends groups. A failed write or sync leaves the value unusable: its owner poisons the log (S7).
struct JournalWriter {
    private let directory: JournalDirectory
    private let journal: UInt64
    private let segmentBytes: Int
    private let maxBytes: UInt64
    private let segmentAge: Duration
    /// When the segment in use was begun.
    private var beganAt: BootInstant?
    private let pool: SegmentPool
    private let place: JournalPlaceCheck
    private var segment: (any StoredFile)?
    private var generation: UInt64
    private var position: UInt64
    private var previousSegmentEnd: UInt64
    /// The last group whose number is used.
    private var lastGroup: UInt64
    /// The last group that a sync of ours vouches for: what frames and marks may name. During a rewrite it stays at what
    /// the scan could believe, because the rewritten groups themselves are in doubt until all of them are synced (S7).
    private(set) var flushedGroup: UInt64

    /// Begins a fresh segment at the first append; nothing is written behind what recovery found.
    init(
        directory: JournalDirectory, journal: UInt64, segmentBytes: Int, maxBytes: UInt64 = .max,
        segmentAge: Duration = .seconds(86_400), pool: SegmentPool, place: JournalPlaceCheck, lastGeneration: UInt64,
        lastSegmentEnd: UInt64, lastGroup: UInt64, flushedGroup: UInt64
    ) {
        self.maxBytes = maxBytes
        self.segmentAge = segmentAge
        self.directory = directory
        self.journal = journal
        self.segmentBytes = segmentBytes
        self.pool = pool
        self.place = place
        generation = lastGeneration
        position = lastSegmentEnd
        previousSegmentEnd = lastSegmentEnd
        self.lastGroup = lastGroup
        self.flushedGroup = flushedGroup
    }

    /// Makes room for a group of `batches`. The only step that a full disk can fail harmlessly.
    mutating func prepare(for batches: [EncodedBatch], at now: BootInstant) throws(FileError) {
        let length = groupLength(batches)
        let isOld = beganAt.map { now.since($0) > segmentAge } ?? false
        let fits = segment != nil && position + UInt64(length) <= UInt64(segmentBytes)
        if fits, !isOld { return }
        // What is appended in a directory that is gone, or is another, nobody would find.
        try place.check()
        let next: any StoredFile
        do throws(FileError) {
            next = try takeSegment()
        } catch {
            // An old segment with room serves until there is room for another.
            if fits, error.code == .noSpace { return }
            throw error
        }
        try place.onSegment(generation + 1)
        segment?.close()
        segment = next
        beganAt = now
        generation += 1
        previousSegmentEnd = position
        position = 0
    }

    private func takeSegment() throws(FileError) -> any StoredFile {
        try checkBound()
        if let spare = try pool.take(as: generation + 1) { return spare }
        return try directory.createSegment(generation + 1, length: segmentBytes)
    }

    /// Throws `.noSpace` where the journal has all the segments that it may. A start writes its openings in any case.
    private func checkBound() throws(FileError) {
        guard segment != nil, maxBytes < .max else { return }
        // Those that starts have ended are shorter than the one that is asked for.
        var bytes = UInt64(segmentBytes)
        for generation in try directory.generations() {
            bytes = bytes.adding(clamping: try directory.segmentLength(generation))
        }
        guard bytes <= maxBytes else {
            throw FileError(.noSpace, operation: "bound", path: directory.path)
        }
    }

    /// Writes one group and syncs it. Returns where it stands. Precondition: `prepare` succeeded for the same batches.
    mutating func append(_ batches: [EncodedBatch]) throws(FileError) -> JournalPlace {
        guard let segment else {
            throw FileError(.io, operation: "append", path: directory.path)
        }
        let frame = GroupFrame(
            journal: journal, generation: generation, number: lastGroup + 1, position: position,
            mark: flushedGroup, previousSegmentEnd: previousSegmentEnd, batches: batches)
        let (pieces, length) = frame.pieces(batches)
        try segment.write(pieces, at: position)
        try segment.synchronizeData()
        let place = JournalPlace(generation: generation, position: position)
        position += UInt64(length)
        lastGroup += 1
        return place
    }

    /// Where the next group goes, and the last one's number.
    var tail: JournalTail { JournalTail(generation: generation, end: position, group: lastGroup) }

    /// Whether the time has come to prepare the next segment.
    var isHalfFull: Bool { segment != nil && position >= UInt64(segmentBytes / 2) }

    /// Everything written so far is synced and may be believed.
    mutating func vouch() { flushedGroup = lastGroup }

    /// The last act: gives back the part of the segment that nothing was written to.
    func shorten() throws(FileError) {
        guard let segment else { return }
        try segment.truncate(length: position)
        try segment.synchronizeData()
    }

    func close() { segment?.close() }

    private func groupLength(_ batches: [EncodedBatch]) -> Int {
        GroupFrame.aligned(
            batches.reduce(GroupFrame.headerLength) { $0 + GroupFrame.entryLength + $1.length })
    }
}
