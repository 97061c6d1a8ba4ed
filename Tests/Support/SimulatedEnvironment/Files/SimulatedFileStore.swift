// A file system in memory that forgets what was not synced: the disk of simulated nodes (FAULTS 1-3, 10-18).

package import NodeEnvironment
import Synchronization

/// What a simulated disk does wrong. A value; set it with `SimulatedFileStore.setFaults`.
package struct DiskFaults: Sendable {
    /// Syncs that succeed before every later one fails with EIO; nil for never.
    package var syncsBeforeFailure: Int?
    /// Syncs say that they succeeded and do nothing: a disk that lies. The canary of the crash tests.
    package var ignoresSync = false
    /// Bytes that `reserve` may still hand out; nil for no bound.
    package var freeBytes: UInt64?

    package init() {}
}

/// Which of the sectors that were written and not synced reach the disk when power goes.
package enum Survivors: Hashable, Sendable, CaseIterable {
    case none, all, random
    /// Those written first, up to a random one; those written last, from a random one.
    case first, last

    func keeps(_ index: Int, cut: Int, _ generator: inout SeededGenerator) -> Bool {
        switch self {
        case .none: false
        case .all: true
        case .random: generator.next() % 2 == 0
        case .first: index < cut
        case .last: index >= cut
        }
    }
}

/// Thread-safe. Writes are kept apart until they are synced; `crash` keeps any subset of their sectors.
package final class SimulatedFileStore: FileStore {
    struct State {
        var names: [String: SimulatedInode] = [:]
        /// Directory operations since the last sync of a directory, in order.
        var unsyncedNames: [NameChange] = []
        var durableNames: [String: SimulatedInode] = [:]
        var directories: Set<String> = ["."]
        /// Numbers of inodes: a file that is removed and made anew is another one.
        var locks: Set<UInt64> = []
        /// How often each is held shared.
        var sharedLocks: [UInt64: Int] = [:]
        var nextInode: UInt64 = 1
        var faults = DiskFaults()
    }

    enum NameChange {
        case bind(String, SimulatedInode)
        case unbind(String)
    }

    let state = Mutex(State())
    let handles = Atomic(0)

    package init() {}

    /// Files that somebody still holds, closed or not: a process that has ended holds none.
    package var heldFiles: Int { handles.load(ordering: .relaxed) }

    /// Bytes of each file, as processes see them now.
    package var lengths: [String: Int] { state.withLock { $0.names.mapValues(\.count) } }

    package func setFaults(_ faults: DiskFaults) { state.withLock { $0.faults = faults } }

    package func open(_ path: String, _ mode: FileOpenMode) throws(FileError) -> any StoredFile {
        try state.withLock { state throws(FileError) in
            if let inode = state.names[path] {
                guard mode != .createNew else { throw FileError(.alreadyExists, operation: "open", path: path) }
                if mode == .createOrReplace { try inode.resize(to: 0) }
                return SimulatedFile(inode: inode, path: path, store: self)
            }
            guard mode == .createNew || mode == .createOrReplace else {
                throw FileError(.notFound, operation: "open", path: path)
            }
            let inode = SimulatedInode(number: state.nextInode)
            state.nextInode += 1
            state.names[path] = inode
            state.unsyncedNames.append(.bind(path, inode))
            return SimulatedFile(inode: inode, path: path, store: self)
        }
    }

    package func createDirectory(_ path: String) throws(FileError) {
        state.withLock { _ = $0.directories.insert(path) }
    }

    package func list(_ directory: String) throws(FileError) -> [String] {
        state.withLock { state in
            let names = Self.names(in: state.names.keys, below: directory)
            return names.union(Self.names(in: state.directories, below: directory)).sorted()
        }
    }

    /// By bytes: a sweep of crash points lists directories a million times.
    private static func names(in paths: some Sequence<String>, below directory: String) -> Set<String> {
        let prefix = Array("\(directory)/".utf8)
        var names: Set<String> = []
        for var path in paths {
            let name: String? = path.withUTF8 { bytes in
                guard bytes.count > prefix.count, bytes.starts(with: prefix) else { return nil }
                return String(decoding: bytes[prefix.count...].prefix { $0 != UInt8(ascii: "/") }, as: UTF8.self)
            }
            if let name { names.insert(name) }
        }
        return names
    }

    package func rename(_ source: String, to destination: String) throws(FileError) {
        try state.withLock { state throws(FileError) in
            guard let inode = state.names.removeValue(forKey: source) else {
                throw FileError(.notFound, operation: "rename", path: source)
            }
            state.names[destination] = inode
            state.unsyncedNames += [.bind(destination, inode), .unbind(source)]
        }
    }

    package func remove(_ path: String) throws(FileError) {
        try state.withLock { state throws(FileError) in
            guard state.names.removeValue(forKey: path) != nil else {
                throw FileError(.notFound, operation: "unlink", path: path)
            }
            state.unsyncedNames.append(.unbind(path))
        }
    }

    package func syncDirectory(_ path: String) throws(FileError) {
        state.withLock { state in
            for change in state.unsyncedNames { change.apply(to: &state.durableNames) }
            state.unsyncedNames.removeAll()
        }
    }

    package func exists(_ path: String) -> Bool {
        state.withLock { $0.names[path] != nil || $0.directories.contains(path) }
    }

    package func availableBytes(at path: String) throws(FileError) -> UInt64 {
        state.withLock { $0.faults.freeBytes ?? 1 << 40 }
    }

    package func storageIdentity(of path: String) throws(FileError) -> StorageIdentity {
        try state.withLock { state throws(FileError) in
            guard let inode = state.names[path] else { throw FileError(.notFound, operation: "stat", path: path) }
            return StorageIdentity(device: 1, inode: inode.number)
        }
    }

    package func lockExclusively(_ path: String) throws(FileError) -> any FileLock {
        try state.withLock { state throws(FileError) in
            let inode = state.inode(of: path)
            guard state.sharedLocks[inode] == nil, state.locks.insert(inode).inserted else {
                throw FileError(.locked, operation: "flock", path: path)
            }
            return SimulatedLock(inode: inode, isShared: false, store: self)
        }
    }

    /// Makes the file where there is none.
    package func lockShared(_ path: String) throws(FileError) -> (any FileLock)? {
        try state.withLock { state throws(FileError) in
            let inode = state.inode(of: path)
            guard !state.locks.contains(inode) else { throw FileError(.locked, operation: "flock", path: path) }
            state.sharedLocks[inode, default: 0] += 1
            return SimulatedLock(inode: inode, isShared: true, store: self)
        }
    }

    /// The machine loses power: of what was not synced, a subset of 512-byte sectors and a prefix of the directory
    /// operations reach the disk. Locks end.
    package func crash(using generator: inout SeededGenerator, keeping survivors: Survivors = .random) {
        state.withLock { state in
            let drawn = Int(generator.next() % UInt64(state.unsyncedNames.count + 1))
            let kept =
                switch survivors {
                case .none: 0
                case .all: state.unsyncedNames.count
                case .random, .first, .last: drawn
                }
            for change in state.unsyncedNames.prefix(kept) { change.apply(to: &state.durableNames) }
            state.unsyncedNames.removeAll()
            state.names = state.durableNames
            state.endLocks()
            for path in state.names.keys.sorted() {
                state.names[path]?.crash(using: &generator, keeping: survivors)
            }
        }
    }

    /// The process that held them is gone.
    package func releaseLocks() { state.withLock { $0.endLocks() } }

    /// Flips one bit of what is durable and seen.
    package func flipBit(of path: String, byte: Int, bit: Int) {
        state.withLock { $0.names[path]?.flip(byte: byte, bit: bit) }
    }

    package func paths() -> [String] { state.withLock { $0.names.keys.sorted() } }
}

extension SimulatedFileStore.NameChange {
    func apply(to names: inout [String: SimulatedInode]) {
        switch self {
        case .bind(let path, let inode): names[path] = inode
        case .unbind(let path): names[path] = nil
        }
    }
}

extension SimulatedFileStore.State {
    /// Of a file that is to be locked; made where it is not there.
    fileprivate mutating func inode(of path: String) -> UInt64 {
        if let known = names[path] { return known.number }
        let made = SimulatedInode(number: nextInode)
        nextInode += 1
        names[path] = made
        unsyncedNames.append(.bind(path, made))
        return made.number
    }

    fileprivate mutating func endLocks() {
        locks.removeAll()
        sharedLocks.removeAll()
    }
}

private struct SimulatedLock: FileLock {
    let inode: UInt64
    let isShared: Bool
    let store: SimulatedFileStore

    func release() {
        store.state.withLock { state in
            guard isShared else {
                state.locks.remove(inode)
                return
            }
            let held = state.sharedLocks[inode] ?? 0
            state.sharedLocks[inode] = held > 1 ? held - 1 : nil
        }
    }
}
