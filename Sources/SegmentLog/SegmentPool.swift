// Segments prepared ahead of need (S7): a sync into blocks that were written before costs two thirds of one into blocks
// that are only reserved, because no extent has to be converted with it.
//
// A spare has a name that `generations` does not read: "<number>.blank" while it is being written, "<number>.spare" once it
// is zeros from end to end and synced. Taking one is a rename and a sync of the directory. A crash at any step leaves a
// blank, which the next start removes, or a spare, which it takes over. A spare is a fresh file and never a trimmed
// segment: readers may still hold one, and what was in it must not come back.

import NodeEnvironment
import Synchronization

/// At most `JournalLimits.spareSegments` spares. Thread-safe; `step` blocks on the disk and belongs on one executor of its own.
final class SegmentPool: Sendable {
    private struct State {
        /// Numbers of the spares.
        var spares: [UInt64] = []
        /// Above every number in the directory.
        var next: UInt64 = 1
        var isBusy = false
        /// None could be made: not tried again before the next segment begins, for a full disk is not freed by asking.
        var isTired = false
        var isClosed = false
    }

    /// The blank that is being written.
    private struct Blank {
        var number: UInt64
        var file: any StoredFile
        var position = 0
    }

    private let directory: JournalDirectory
    private let length: Int
    private let state = Mutex(State())
    /// Held across I/O by `step` and `close` alone.
    private let blank = Mutex<Blank?>(nil)

    /// `length`: of a segment. Takes over what an earlier start left.
    init(_ directory: JournalDirectory, length: Int) throws(FileError) {
        self.directory = directory
        self.length = length
        var found = State()
        for name in try directory.files.list(directory.path) {
            guard name.hasSuffix(Self.blankSuffix) || name.hasSuffix(Self.spareSuffix) else { continue }
            let number = UInt64(name.prefix { $0 != "." }).map { min($0, JournalLimits.lastNumber) } ?? 0
            found.next = max(found.next, number + 1)
            if name == "\(number)\(Self.spareSuffix)", found.spares.count < JournalLimits.spareSegments,
                try isWhole(number)
            {
                found.spares.append(number)
            } else {
                // Begun and not finished, or of another length. Durable with the next sync of the directory.
                try directory.files.remove("\(directory.path)/\(name)")
            }
        }
        state.withLock { $0 = found }
    }

    private static let blankSuffix = ".blank"
    private static let spareSuffix = ".spare"

    private func path(_ number: UInt64, _ suffix: String) -> String { "\(directory.path)/\(number)\(suffix)" }

    private func isWhole(_ number: UInt64) throws(FileError) -> Bool {
        let file = try directory.files.open(path(number, Self.spareSuffix), .read)
        defer { file.close() }
        return try file.length() == UInt64(length)
    }

    /// A spare under the name of a new segment, the name durable; nil where there is none. The commit executor's. A failure
    /// leaves the spare out of use until the next start.
    func take(as generation: UInt64) throws(FileError) -> (any StoredFile)? {
        let number = state.withLock { state in
            state.isTired = false
            return state.spares.popLast()
        }
        guard let number else { return nil }
        let segment = directory.segmentPath(generation)
        try directory.files.rename(path(number, Self.spareSuffix), to: segment)
        try directory.files.syncDirectory(directory.path)
        return try directory.files.open(segment, .readWrite)
    }

    /// Whether a spare is wanted and nobody makes one; the caller then owes steps until one says that it was the last.
    func begin() -> Bool {
        state.withLock { state in
            guard !state.isBusy, !state.isTired, !state.isClosed, state.spares.count < JournalLimits.spareSegments
            else { return false }
            state.isBusy = true
            return true
        }
    }

    /// Writes and syncs the next zeros of a blank: a commit beside it waits for one step at most. False when there is
    /// nothing more to do. What goes wrong leaves the pool as it was: the journal does without.
    func step() -> Bool {
        blank.withLock { blank in
            guard !state.withLock(\.isClosed) else {
                giveUp(&blank)
                return false
            }
            do throws(FileError) {
                let current: Blank
                if let begun = blank {
                    current = begun
                } else {
                    current = try open()
                    blank = current
                }
                let step = min(JournalLimits.spareStepBytes, length - current.position)
                try current.file.write([UInt8](repeating: 0, count: step), at: UInt64(current.position))
                try current.file.synchronizeData()
                blank?.position += step
                guard current.position + step == length else { return true }
                try finish(current)
                blank = nil
            } catch {
                giveUp(&blank)
            }
            return false
        }
    }

    /// Ends the making of spares; what was begun is removed. Blocks while a step is under way.
    func close() {
        state.withLock { $0.isClosed = true }
        blank.withLock { giveUp(&$0) }
    }

    // MARK: Making one

    /// Not where the disk is nearly full: the journal needs that room for the segments that it must have.
    private func open() throws(FileError) -> Blank {
        let needed = 2 * UInt64(length) + JournalLimits.reservedBytes(forSegmentOf: length)
        guard try directory.files.availableBytes(at: directory.path) >= needed else {
            throw FileError(.noSpace, operation: "reserve", path: directory.path)
        }
        let number = state.withLock { state in
            defer { state.next += 1 }
            return state.next
        }
        let file = try directory.files.open(path(number, Self.blankSuffix), .createNew)
        do {
            try file.reserve(length: UInt64(length))
        } catch {
            file.close()
            try? directory.files.remove(path(number, Self.blankSuffix))  // as in `giveUp`
            throw error
        }
        return Blank(number: number, file: file)
    }

    private func finish(_ blank: Blank) throws(FileError) {
        try directory.files.rename(path(blank.number, Self.blankSuffix), to: path(blank.number, Self.spareSuffix))
        try directory.files.syncDirectory(directory.path)
        blank.file.close()
        state.withLock { state in
            state.spares.append(blank.number)
            state.isBusy = false
        }
    }

    private func giveUp(_ blank: inout Blank?) {
        if let blank {
            blank.file.close()
            // What cannot be removed now, or was renamed already, is looked at by the next start.
            try? directory.files.remove(path(blank.number, Self.blankSuffix))
        }
        blank = nil
        state.withLock { state in
            state.isBusy = false
            state.isTired = true
        }
    }
}
