// What the segment behind another one says of it.

import NodeEnvironment

extension JournalDirectory {
    /// The first frame of the segment behind: where this one's groups end, and which of them were in doubt when that one was
    /// begun. Nil where it is not there or cannot be read.
    func successor(of generation: UInt64, journal: UInt64) throws(FileError) -> GroupFrame? {
        let path = segmentPath(generation + 1)
        guard files.exists(path) else { return nil }
        let file = try files.open(path, .read)
        defer { file.close() }
        return try SegmentReader(file: file, journal: journal, generation: generation + 1).firstFrame()
    }
}

extension GroupFrame {
    /// Whether what is missing behind group `last` at the end of the segment before was in doubt and stands in this one once
    /// more (S7): no damage.
    func standsFor(everythingBehind last: UInt64) -> Bool { mark <= last }
}
