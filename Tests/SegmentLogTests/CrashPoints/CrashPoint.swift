// One fault at one call of a file system: where the process dies, where a call fails, where a disk lies.

import NodeEnvironment
import SimulatedEnvironment
import Synchronization

/// What goes wrong (FAULTS 1-4, 9-18).
enum CrashKind: Hashable, Sendable, CaseIterable, CustomStringConvertible {
    case powerBefore(Survivors)
    case powerAfter(Survivors)
    /// Part of the call's bytes are on their way.
    case powerAmidWrite
    /// The process dies, the page cache stays.
    case killBefore, killAmidWrite, killAfter
    case inputOutputError, noSpace, tooManyOpenFiles
    /// A part is written, then EIO.
    case shortWrite
    /// The disk says that it wrote.
    case lostWrite
    /// The bytes land a few sectors further on.
    case misdirectedWrite
    case flippedBit

    static let allCases: [CrashKind] =
        Survivors.allCases.map { .powerBefore($0) } + Survivors.allCases.map { .powerAfter($0) } + [
            .powerAmidWrite, .killBefore, .killAmidWrite, .killAfter, .inputOutputError, .noSpace, .tooManyOpenFiles,
            .shortWrite, .lostWrite, .misdirectedWrite, .flippedBit,
        ]

    /// Nothing that was synced is ever missing, and nothing is wrong on the disk.
    var isHonest: Bool {
        switch self {
        case .lostWrite, .misdirectedWrite, .flippedBit: false
        default: true
        }
    }

    var description: String {
        switch self {
        case .powerBefore(let survivors): "power before the call, \(survivors) of the sectors survive"
        case .powerAfter(let survivors): "power after the call, \(survivors) of the sectors survive"
        case .powerAmidWrite: "power amid the call"
        case .killBefore: "kill before the call"
        case .killAmidWrite: "kill amid the call"
        case .killAfter: "kill after the call"
        case .inputOutputError: "EIO"
        case .noSpace: "ENOSPC"
        case .tooManyOpenFiles: "EMFILE"
        case .shortWrite: "a short write, then EIO"
        case .lostWrite: "a lost write"
        case .misdirectedWrite: "a misdirected write"
        case .flippedBit: "a flipped bit in a write"
        }
    }
}

/// Counts every call to a store and lets one of them go wrong. After a death every call fails.
final class CrashPoint: FileStore {
    struct State {
        var calls = 0
        var isDead = false
        var isSpent = false
        var generator: SeededGenerator
    }

    private let base: SimulatedFileStore
    private let point: Int
    private let kind: CrashKind?
    private let state: Mutex<State>

    init(_ base: SimulatedFileStore, at point: Int, _ kind: CrashKind?, seed: UInt64) {
        self.base = base
        self.point = point
        self.kind = kind
        state = Mutex(State(generator: SeededGenerator(seed: seed)))
    }

    var calls: Int { state.withLock(\.calls) }
    /// The process is gone.
    var isDead: Bool { state.withLock(\.isDead) }
    /// The fault has come.
    var isSpent: Bool { state.withLock(\.isSpent) }

    func draw(below bound: Int) -> Int {
        state.withLock { bound > 0 ? Int($0.generator.next() % UInt64(bound)) : 0 }
    }

    /// Runs a call with its turn of the fault. `amid` does a part of it, or something else.
    func run<Value>(
        _ operation: String, _ path: String, _ call: () throws(FileError) -> Value,
        amid: ((CrashKind) throws(FileError) -> Value)? = nil
    ) throws(FileError) -> Value {
        guard let fault = try turn(operation, path) else { return try call() }
        switch fault {
        case .powerBefore, .killBefore: throw die(fault, operation, path)
        case .powerAfter, .killAfter:
            _ = try call()
            throw die(fault, operation, path)
        case .inputOutputError: throw FileError(.io, operation: operation, path: path, systemError: 5)
        case .noSpace: throw FileError(.noSpace, operation: operation, path: path, systemError: 28)
        case .tooManyOpenFiles: throw FileError(.tooManyOpenFiles, operation: operation, path: path, systemError: 24)
        case .powerAmidWrite, .killAmidWrite:
            _ = try amid?(fault)
            throw die(fault, operation, path)
        case .shortWrite:
            _ = try amid?(fault)
            throw FileError(.io, operation: operation, path: path, systemError: 5)
        case .lostWrite, .misdirectedWrite, .flippedBit:
            guard let amid else { return try call() }
            return try amid(fault)
        }
    }

    private func turn(_ operation: String, _ path: String) throws(FileError) -> CrashKind? {
        let (isDead, fault) = state.withLock { state -> (Bool, CrashKind?) in
            defer { state.calls += 1 }
            guard !state.isDead, let kind, state.calls == point else { return (state.isDead, nil) }
            state.isSpent = true
            return (false, kind)
        }
        guard !isDead else { throw FileError(.io, operation: operation, path: path) }
        return fault
    }

    private func die(_ fault: CrashKind, _ operation: String, _ path: String) -> FileError {
        state.withLock { state in
            state.isDead = true
            switch fault {
            case .powerBefore(let survivors), .powerAfter(let survivors):
                base.crash(using: &state.generator, keeping: survivors)
            case .powerAmidWrite: base.crash(using: &state.generator)
            default: base.releaseLocks()
            }
        }
        return FileError(.io, operation: operation, path: path)
    }

    // MARK: FileStore

    func open(_ path: String, _ mode: FileOpenMode) throws(FileError) -> any StoredFile {
        let file = try run("open", path) { () throws(FileError) in try base.open(path, mode) }
        return CrashPointFile(file, path: path, of: self)
    }

    func createDirectory(_ path: String) throws(FileError) {
        try run("mkdir", path) { () throws(FileError) in try base.createDirectory(path) }
    }

    func list(_ directory: String) throws(FileError) -> [String] {
        try run("readdir", directory) { () throws(FileError) in try base.list(directory) }
    }

    func rename(_ source: String, to destination: String) throws(FileError) {
        try run("rename", source) { () throws(FileError) in try base.rename(source, to: destination) }
    }

    func remove(_ path: String) throws(FileError) {
        try run("unlink", path) { () throws(FileError) in try base.remove(path) }
    }

    func syncDirectory(_ path: String) throws(FileError) {
        try run("fsync", path) { () throws(FileError) in try base.syncDirectory(path) }
    }

    func exists(_ path: String) -> Bool { base.exists(path) }

    func availableBytes(at path: String) throws(FileError) -> UInt64 { try base.availableBytes(at: path) }

    func storageIdentity(of path: String) throws(FileError) -> StorageIdentity {
        try run("stat", path) { () throws(FileError) in try base.storageIdentity(of: path) }
    }

    func lockExclusively(_ path: String) throws(FileError) -> any FileLock {
        try run("flock", path) { () throws(FileError) in try base.lockExclusively(path) }
    }

    func lockShared(_ path: String) throws(FileError) -> (any FileLock)? {
        try run("flock", path) { () throws(FileError) in try base.lockShared(path) }
    }
}

private final class CrashPointFile: StoredFile {
    private let base: any StoredFile
    private let path: String
    private let owner: CrashPoint

    init(_ base: any StoredFile, path: String, of owner: CrashPoint) {
        self.base = base
        self.path = path
        self.owner = owner
    }

    func read(at position: UInt64, count: Int) throws(FileError) -> [UInt8] {
        try owner.run("pread", path) { () throws(FileError) in try base.read(at: position, count: count) }
    }

    func write(_ bytes: borrowing RawSpan, at position: UInt64) throws(FileError) {
        let copy = bytes.withUnsafeBytes { Array($0) }
        let (base, owner) = (base, owner)
        try owner.run(
            "pwrite", path, { () throws(FileError) in try base.write(copy, at: position) },
            amid: { (kind) throws(FileError) in
                switch kind {
                case .lostWrite: return
                case .misdirectedWrite:
                    let shift = UInt64(512 * (1 + owner.draw(below: 8)))
                    guard position + shift + UInt64(copy.count) <= (try base.length()) else { return }
                    try base.write(copy, at: position + shift)
                case .flippedBit:
                    var flipped = copy
                    if !flipped.isEmpty { flipped[owner.draw(below: copy.count)] ^= 1 << UInt8(owner.draw(below: 8)) }
                    try base.write(flipped, at: position)
                default: try base.write(Array(copy.prefix(owner.draw(below: copy.count + 1))), at: position)
                }
            })
    }

    func synchronizeData() throws(FileError) {
        try owner.run("fdatasync", path) { () throws(FileError) in try base.synchronizeData() }
    }

    func reserve(length: UInt64) throws(FileError) {
        try owner.run("fallocate", path) { () throws(FileError) in try base.reserve(length: length) }
    }

    func truncate(length: UInt64) throws(FileError) {
        try owner.run("ftruncate", path) { () throws(FileError) in try base.truncate(length: length) }
    }

    func length() throws(FileError) -> UInt64 {
        try owner.run("fstat", path) { () throws(FileError) in try base.length() }
    }

    func close() { base.close() }
}
