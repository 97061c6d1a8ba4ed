// The newest stamps in one segment, from its batches' headers.

import ClusterModel
import EventLog
import NodeEnvironment

/// What could be read of a sealed segment. Where something could not, `isWhole` is false and every log counts with the newest
/// stamp of all: what was damaged is of the same hour. Where nothing could, what was written later bounds it.
struct SegmentStamps: Sendable {
    private var stamps: [LogIdentity: HybridStamp] = [:]
    private(set) var isWhole = true
    /// The oldest stamp of all that could be read; nil where nothing could.
    private(set) var first: HybridStamp?

    /// Reads all frames and headers, no bodies. Blocks on the disk.
    init(of generation: UInt64, in directory: JournalDirectory, journal: UInt64) throws(FileError) {
        let end = try directory.successor(of: generation, journal: journal)?.previousSegmentEnd
        let file = try directory.files.open(directory.segmentPath(generation), .read)
        defer { file.close() }
        var window = SegmentWindow(try SegmentReader(file: file, journal: journal, generation: generation))
        var position: UInt64 = 0
        while position < end ?? .max, let group = try window.frame(from: position) {
            if group.frame.position > position { isWhole = false }
            try take(group, &window)
            position = group.end
        }
        if let end, position < end { isWhole = false }
    }

    private mutating func take(_ group: FoundFrame, _ window: inout SegmentWindow) throws(FileError) {
        var position = group.batches
        for entry in group.frame.entries {
            if let header = try window.header(entry, at: position) {
                stamps[entry.log] = max(stamps[entry.log] ?? .zero, header.lastStamp)
                first = min(first ?? header.firstStamp, header.firstStamp)
            } else {
                isWhole = false
            }
            position += UInt64(entry.length)
        }
    }

    /// Whether batches are missing and not one stamp says from when they are.
    var isUnknown: Bool { !isWhole && stamps.isEmpty }

    /// Takes the stamps of a later segment for those that cannot be read here.
    mutating func borrow(from later: SegmentStamps) { stamps = later.stamps }

    /// Gives every one of `logs` the newest stamp where the segment is not whole.
    mutating func fill(_ logs: some Sequence<LogIdentity>) {
        guard !isWhole, let newest = stamps.values.max() else { return }
        for log in logs { stamps[log] = newest }
    }

    /// Of all logs.
    var newest: HybridStamp { stamps.values.max() ?? .zero }

    func last(of log: LogIdentity) -> HybridStamp { stamps[log] ?? .zero }
}
