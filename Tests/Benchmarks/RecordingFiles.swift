// A file store that notes what is written to segments and read of them, and leaves syncs out where a load asks for that.

import NodeEnvironment
import SimulatedEnvironment
import Synchronization

/// Passes everything on. The pattern of writes is what the raw load repeats.
final class RecordingFiles: ForwardingFileStore {
    struct Pattern: Sendable {
        /// Bytes of each write to a segment, in order; a sync follows each.
        var writes: [Int] = []
        var syncs = 0
        var reads = 0
        var bytesRead = 0
        /// Zeros of segments that are prepared.
        var preparedBytes = 0
        var bytes: Int { writes.reduce(0, +) }
    }

    let base: any FileStore
    private let syncs: Bool
    let pattern = Mutex(Pattern())

    init(_ base: any FileStore, syncs: Bool) {
        self.base = base
        self.syncs = syncs
    }

    func open(_ path: String, _ mode: FileOpenMode) throws(FileError) -> any StoredFile {
        let file = try base.open(path, mode)
        if path.hasSuffix(".blank") { return BlankFile(file, of: self) }
        // A prepared segment is opened under its new name, and so is recorded from there on.
        guard path.hasSuffix(".segment") else { return file }
        return RecordingFile(file, of: self, syncs: syncs)
    }
}

private final class RecordingFile: ForwardingFile {
    let base: any StoredFile
    private let owner: RecordingFiles
    private let syncs: Bool

    init(_ base: any StoredFile, of owner: RecordingFiles, syncs: Bool) {
        self.base = base
        self.owner = owner
        self.syncs = syncs
    }

    func read(at position: UInt64, count: Int) throws(FileError) -> [UInt8] {
        let bytes = try base.read(at: position, count: count)
        owner.pattern.withLock { pattern in
            pattern.reads += 1
            pattern.bytesRead += bytes.count
        }
        return bytes
    }

    func read(
        at position: UInt64, count: Int, behind kept: ArraySlice<UInt8>
    ) throws(FileError) -> [UInt8] {
        let bytes = try base.read(at: position, count: count, behind: kept)
        owner.pattern.withLock { pattern in
            pattern.reads += 1
            pattern.bytesRead += bytes.count - kept.count
        }
        return bytes
    }

    func write(_ bytes: borrowing RawSpan, at position: UInt64) throws(FileError) {
        let count = bytes.byteCount
        owner.pattern.withLock { $0.writes.append(count) }
        try base.write(bytes, at: position)
    }

    func write(_ pieces: [ArraySlice<UInt8>], at position: UInt64) throws(FileError) {
        owner.pattern.withLock { $0.writes.append(pieces.reduce(0) { $0 + $1.count }) }
        try base.write(pieces, at: position)
    }

    func synchronizeData() throws(FileError) {
        owner.pattern.withLock { $0.syncs += 1 }
        if syncs { try base.synchronizeData() }
    }
}

/// A segment that is being prepared: its zeros are counted apart.
private final class BlankFile: ForwardingFile {
    let base: any StoredFile
    private let owner: RecordingFiles

    init(_ base: any StoredFile, of owner: RecordingFiles) {
        self.base = base
        self.owner = owner
    }

    func write(_ bytes: borrowing RawSpan, at position: UInt64) throws(FileError) {
        let count = bytes.byteCount
        owner.pattern.withLock { $0.preparedBytes += count }
        try base.write(bytes, at: position)
    }
}
