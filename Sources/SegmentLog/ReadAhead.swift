// A stretch of one file in memory: what is read in order costs one call a stretch, and no copy.

import NodeEnvironment

/// Bounded memory: `ahead` bytes, or what was asked for where that is longer. What it hands out keeps the stretch alive;
/// the next stretch is a buffer of its own, so that nothing that was handed out ever changes.
struct ReadAhead {
    let file: any StoredFile
    private let ahead: Int
    private var start: UInt64 = 0
    private var held: [UInt8] = []
    /// Bytes read from the file so far.
    private(set) var bytesRead: UInt64 = 0

    init(_ file: any StoredFile, ahead: Int) {
        self.file = file
        self.ahead = ahead
    }

    /// `count` bytes from `position` on; nil where the file ends before.
    mutating func bytes(at position: UInt64, count: Int) throws(FileError) -> ArraySlice<UInt8>? {
        if position < start || position + UInt64(count) > start + UInt64(held.count) {
            try fill(from: position, max(count, ahead))
        }
        let first = Int(position - start)
        guard first + count <= held.count else { return nil }
        return held[first..<first + count]
    }

    private mutating func fill(from position: UInt64, _ count: Int) throws(FileError) {
        let end = start + UInt64(held.count)
        let kept = position >= start && position < end ? held[Int(position - start)...] : []
        held = try file.read(at: position + UInt64(kept.count), count: count - kept.count, behind: kept)
        bytesRead += UInt64(held.count - kept.count)
        start = position
    }
}
