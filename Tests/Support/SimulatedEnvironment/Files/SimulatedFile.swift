// One file of the simulated disk.

import NodeEnvironment
import Synchronization

/// The contents behind a name: what is durable, and what was written since the last sync.
final class SimulatedInode: Sendable {
    private struct Contents {
        var durable: [UInt8] = []
        var seen: [UInt8] = []
        var unsynced: [Range<Int>] = []
    }

    static let sector = 512

    let number: UInt64
    private let contents = Mutex(Contents())

    init(number: UInt64) { self.number = number }

    /// A file that was on a disk before.
    init(number: UInt64, durable: [UInt8]) {
        self.number = number
        contents.withLock { contents in
            contents.durable = durable
            contents.seen = durable
        }
    }

    var durable: [UInt8] { contents.withLock(\.durable) }

    var count: Int { contents.withLock { $0.seen.count } }

    func read(at position: Int, count: Int) -> [UInt8] {
        contents.withLock { contents in
            let range = (position..<position + count).clamped(to: 0..<contents.seen.count)
            return Array(contents.seen[range])
        }
    }

    func write(_ bytes: [UInt8], at position: Int) {
        contents.withLock { contents in
            let end = position + bytes.count
            if contents.seen.count < end { contents.seen += [UInt8](repeating: 0, count: end - contents.seen.count) }
            contents.seen.replaceSubrange(position..<end, with: bytes)
            contents.unsynced.append(position..<end)
        }
    }

    func resize(to length: Int) throws(FileError) {
        contents.withLock { contents in
            if contents.seen.count > length {
                contents.seen.removeLast(contents.seen.count - length)
            } else {
                contents.seen += [UInt8](repeating: 0, count: length - contents.seen.count)
            }
        }
    }

    func synchronize() {
        contents.withLock { contents in
            if contents.durable.count != contents.seen.count {
                contents.durable = contents.seen
            } else {
                for range in contents.unsynced {
                    let range = range.clamped(to: 0..<contents.seen.count)
                    contents.durable.replaceSubrange(range, with: contents.seen[range])
                }
            }
            contents.unsynced.removeAll()
        }
    }

    /// Of the unsynced sectors, in the order of writing, those survive that `survivors` says.
    func crash(using generator: inout SeededGenerator, keeping survivors: Survivors) {
        contents.withLock { contents in
            let sectors = contents.unsynced.flatMap { range in
                stride(from: range.lowerBound, to: range.upperBound, by: Self.sector).map { start in
                    start..<min(start + Self.sector, range.upperBound)
                }
            }
            let cut = sectors.isEmpty ? 0 : Int(generator.next() % UInt64(sectors.count + 1))
            for (index, sector) in sectors.enumerated() {
                guard survivors.keeps(index, cut: cut, &generator), sector.upperBound <= contents.seen.count else {
                    continue
                }
                if contents.durable.count < sector.upperBound {
                    contents.durable += [UInt8](repeating: 0, count: sector.upperBound - contents.durable.count)
                }
                contents.durable.replaceSubrange(sector, with: contents.seen[sector])
            }
            contents.unsynced.removeAll()
            contents.seen = contents.durable
        }
    }

    func flip(byte: Int, bit: Int) {
        contents.withLock { contents in
            contents.seen[byte] ^= 1 << UInt8(bit)
            contents.durable[byte] ^= 1 << UInt8(bit)
        }
    }
}

/// An open file: the inode and the faults of its store.
final class SimulatedFile: StoredFile {
    private let inode: SimulatedInode
    private let path: String
    private let store: SimulatedFileStore

    init(inode: SimulatedInode, path: String, store: SimulatedFileStore) {
        self.inode = inode
        self.path = path
        self.store = store
        store.handles.add(1, ordering: .relaxed)
    }

    deinit { store.handles.subtract(1, ordering: .relaxed) }

    func read(at position: UInt64, count: Int) throws(FileError) -> [UInt8] {
        inode.read(at: Int(position), count: count)
    }

    func write(_ bytes: borrowing RawSpan, at position: UInt64) throws(FileError) {
        inode.write(bytes.withUnsafeBytes { Array($0) }, at: Int(position))
    }

    func synchronizeData() throws(FileError) {
        let mustSync = try store.state.withLock { state throws(FileError) in
            if let left = state.faults.syncsBeforeFailure {
                guard left > 0 else {
                    throw FileError(.io, operation: "fdatasync", path: path, systemError: 5)
                }
                state.faults.syncsBeforeFailure = left - 1
            }
            return !state.faults.ignoresSync
        }
        if mustSync { inode.synchronize() }
    }

    func reserve(length: UInt64) throws(FileError) {
        try store.state.withLock { state throws(FileError) in
            guard let free = state.faults.freeBytes else { return }
            guard length <= free else {
                throw FileError(.noSpace, operation: "fallocate", path: path, systemError: 28)
            }
            state.faults.freeBytes = free - length
        }
        if inode.count < Int(length) { try inode.resize(to: Int(length)) }
    }

    func truncate(length: UInt64) throws(FileError) { try inode.resize(to: Int(length)) }

    func length() throws(FileError) -> UInt64 { UInt64(inode.count) }

    func close() {}
}
