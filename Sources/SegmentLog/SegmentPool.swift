// Segments prepared ahead of need (S7): a sync into blocks that were written before costs two thirds of one into blocks
// that are only reserved, because no extent has to be converted with it.
//
// A segment is in the pool only once it is zeros from end to end and synced, under a name that `generations` does not
// read: "<number>.blank" while it is being written, "<number>.spare" from then on. Taking one is a rename and a sync of the
// directory. A crash at any step leaves a blank, which the next start removes, or a spare, which it takes over. Old bytes
// never come back: a trimmed segment is overwritten at once, well within S8's maximum, and not only behind the end that its
// next generation happens to have.

import EventLog
import NodeEnvironment
import Synchronization

/// At most `JournalLimits.spareSegments` spares. Thread-safe; `prepare` and `recycle` block on the disk for long and belong
/// on an executor of their own.
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

    private let directory: JournalDirectory
    private let length: Int
    private let state = Mutex(State())

    /// `length`: of a segment. Takes over what an earlier start left.
    init(_ directory: JournalDirectory, length: Int) throws(FileError) {
        self.directory = directory
        self.length = length
        var found = State()
        for name in try directory.files.list(directory.path) {
            guard name.hasSuffix(Self.blank) || name.hasSuffix(Self.spare) else { continue }
            let number = UInt64(name.prefix { $0 != "." }) ?? 0
            found.next = max(found.next, number + 1)
            if name == "\(number)\(Self.spare)", found.spares.count < JournalLimits.spareSegments,
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

    private static let blank = ".blank"
    private static let spare = ".spare"

    private func path(_ number: UInt64, _ suffix: String) -> String { "\(directory.path)/\(number)\(suffix)" }

    private func isWhole(_ number: UInt64) throws(FileError) -> Bool {
        let file = try directory.files.open(path(number, Self.spare), .read)
        defer { file.close() }
        return try file.length() == UInt64(length)
    }

    /// Whether another spare is wanted and nobody makes one.
    var isWanting: Bool {
        state.withLock { !$0.isBusy && !$0.isTired && !$0.isClosed && $0.spares.count < JournalLimits.spareSegments }
    }

    /// A spare under the name of a new segment, the name durable; nil where there is none. The commit executor's.
    func take(as generation: UInt64) throws(FileError) -> (any StoredFile)? {
        let number = state.withLock { state in
            state.isTired = false
            return state.spares.popLast()
        }
        guard let number else { return nil }
        let segment = directory.segmentPath(generation)
        try directory.files.rename(path(number, Self.spare), to: segment)
        try directory.files.syncDirectory(directory.path)
        return try directory.files.open(segment, .readWrite)
    }

    /// Makes one spare where one is wanted. What goes wrong leaves the pool as it was: the journal does without.
    func prepare() {
        guard let number = begin() else { return }
        do throws(FileError) {
            let file = try directory.files.open(path(number, Self.blank), .createNew)
            defer { file.close() }
            try file.reserve(length: UInt64(length))
            try fill(file)
            try finish(number)
        } catch {
            giveUp(number)
        }
    }

    /// Takes a trimmed segment out of the journal: into the pool where it has room, overwritten and synced first; off the
    /// disk otherwise. When it returns, the name is durably gone from the journal. Throws when that failed.
    package func recycle(_ generation: UInt64) throws(FileError) {
        let segment = directory.segmentPath(generation)
        guard let number = begin() else {
            try directory.files.remove(segment)
            return try directory.files.syncDirectory(directory.path)
        }
        do throws(FileError) {
            try directory.files.rename(segment, to: path(number, Self.blank))
            try directory.files.syncDirectory(directory.path)
        } catch {
            state.withLock { $0.isBusy = false }
            throw error
        }
        do throws(FileError) {
            let file = try directory.files.open(path(number, Self.blank), .readWrite)
            defer { file.close() }
            guard try file.length() == UInt64(length) else { return giveUp(number) }
            try fill(file)
            try finish(number)
        } catch {
            giveUp(number)
        }
    }

    /// Ends the making of spares: a fill that is under way stops after its next step, and its blank goes.
    func close() { state.withLock { $0.isClosed = true } }

    // MARK: Making one

    private func begin() -> UInt64? {
        state.withLock { state in
            guard !state.isBusy, !state.isClosed, state.spares.count < JournalLimits.spareSegments else { return nil }
            state.isBusy = true
            defer { state.next += 1 }
            return state.next
        }
    }

    /// Zeros, synced in steps, so that a commit beside it never waits for more than one of them.
    private func fill(_ file: any StoredFile) throws(FileError) {
        let zeros = [UInt8](repeating: 0, count: JournalLimits.spareStepBytes)
        var position = 0
        while position < length {
            if state.withLock(\.isClosed) { throw FileError(.io, operation: "fill", path: directory.path) }
            let step = min(zeros.count, length - position)
            try file.write([zeros[..<step]], at: UInt64(position))
            try file.synchronizeData()
            position += step
        }
    }

    private func finish(_ number: UInt64) throws(FileError) {
        try directory.files.rename(path(number, Self.blank), to: path(number, Self.spare))
        try directory.files.syncDirectory(directory.path)
        state.withLock { state in
            state.spares.append(number)
            state.isBusy = false
        }
    }

    private func giveUp(_ number: UInt64) {
        // What cannot be removed now is removed by the next start.
        try? directory.files.remove(path(number, Self.blank))
        state.withLock { state in
            state.isBusy = false
            state.isTired = true
        }
    }
}
