// Replay of parts of a journal whose index is known: a node whose snapshots cover most of it reads the rest, and no more.

package import ClusterModel
import EventLog
import NodeEnvironment

/// From where on each log is wanted.
package struct ReplayStart {
    private let first: ((LogIdentity) -> Offset)?

    /// `first` gives the first offset of a log that is wanted: `Offset(.max)` where none is.
    package init(_ first: @escaping (LogIdentity) -> Offset) { self.first = first }

    private init() { first = nil }

    /// All of every log.
    package static var beginning: ReplayStart { ReplayStart() }

    var isBeginning: Bool { first == nil }

    func offset(in log: LogIdentity) -> Offset { first?(log) ?? .zero }
}

/// Goes over the stretches in which batches of some logs can stand, in journal order. The visitor sees each batch that
/// holds something from its log's start on, once. What does not verify ends its log's replay and is reported.
struct JournalReplay {
    /// A part of a segment.
    private struct Stretch {
        var generation: UInt64
        var bytes: Range<UInt64>
    }

    private let directory: JournalDirectory
    private let journal: UInt64
    private let table: LogTable
    /// Logs that are not at their ends: the offset that goes on, and the digest before it where it is known.
    private var next: [LogIdentity: (offset: Offset, digest: Digest128?)] = [:]
    private(set) var corruptRanges: [CorruptRange] = []

    init(_ table: LogTable, from start: ReplayStart, directory: JournalDirectory, journal: UInt64) {
        self.directory = directory
        self.journal = journal
        self.table = table
        for summary in table.summaries {
            let offset = max(start.offset(in: summary.log), summary.base)
            if offset < summary.flushedEnd { next[summary.log] = (offset, nil) }
        }
    }

    /// Blocks on the disk. Throws when a file cannot be read, or what `visit` throws.
    mutating func run(visit: (EncodedBatch) throws -> Void) throws {
        for stretch in stretches() {
            let file = try directory.files.open(directory.segmentPath(stretch.generation), .read)
            defer { file.close() }
            var window = SegmentWindow(
                try SegmentReader(file: file, journal: journal, generation: stretch.generation))
            try pass(over: stretch, &window, visit)
        }
        for (log, place) in next.sorted(by: { $0.key < $1.key }) { report(log, from: place.offset) }
    }

    /// Between two entries of a log's index its batches lie within an interval of the first.
    private func stretches() -> [Stretch] {
        var found: [Stretch] = []
        for (log, place) in next {
            let index = table[log]?.index ?? []
            for (number, entry) in index.enumerated() {
                let isBefore = number + 1 < index.count && index[number + 1].base <= place.offset
                if isBefore { continue }
                let start = entry.place.position
                found.append(
                    Stretch(
                        generation: entry.place.generation, bytes: start..<start + JournalLimits.indexInterval))
            }
        }
        found.sort { ($0.generation, $0.bytes.lowerBound) < ($1.generation, $1.bytes.lowerBound) }
        return found.reduce(into: []) { merged, stretch in
            if let last = merged.last, last.generation == stretch.generation,
                stretch.bytes.lowerBound <= last.bytes.upperBound
            {
                let end = max(last.bytes.upperBound, stretch.bytes.upperBound)
                merged[merged.count - 1].bytes = last.bytes.lowerBound..<end
            } else {
                merged.append(stretch)
            }
        }
    }

    private mutating func pass(
        over stretch: Stretch, _ window: inout SegmentWindow, _ visit: (EncodedBatch) throws -> Void
    ) throws {
        var position = stretch.bytes.lowerBound
        let end = stretch.bytes.upperBound
        while position < end, !next.isEmpty, let group = try window.frame(from: position, before: end) {
            try take(group, &window, visit)
            position = group.end
        }
    }

    private mutating func take(
        _ group: FoundFrame, _ window: inout SegmentWindow, _ visit: (EncodedBatch) throws -> Void
    ) throws {
        var position = group.batches
        for entry in group.frame.entries {
            defer { position += UInt64(entry.length) }
            // Beyond what goes on, something is missing: its copy may come behind, otherwise it is reported.
            guard let place = next[entry.log], entry.base <= place.offset,
                let batch = try window.batch(entry, at: position), batch.endOffset > place.offset
            else { continue }
            if let digest = place.digest, !batch.extends(entry.log, end: place.offset, digest: digest) { continue }
            let isLast = batch.endOffset >= table[entry.log]?.end ?? .zero
            next[entry.log] = isLast ? nil : (batch.endOffset, batch.chainDigest)
            try visit(batch)
        }
    }

    private mutating func report(_ log: LogIdentity, from offset: Offset) {
        guard let place = table.place(of: offset, in: log) else { return }
        corruptRanges.append(
            CorruptRange(
                path: directory.segmentPath(place.generation),
                bytes: place.position..<place.position + JournalLimits.indexInterval,
                reason: "the batch of \(log) that holds \(offset.rawValue) does not verify"))
    }
}
