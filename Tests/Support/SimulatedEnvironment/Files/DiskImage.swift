// What a simulated disk held at one instant: backups that come back, copied machines, and what a judge reads.

import NodeEnvironment
import Synchronization

/// The synced contents of a disk, as if power had gone at that instant and nothing unsynced had been lucky.
package struct DiskImage: Sendable {
    fileprivate struct StoredBytes: Sendable {
        let inode: UInt64
        let bytes: [UInt8]
    }

    fileprivate let files: [String: StoredBytes]
    fileprivate let directories: Set<String>

    package var paths: [String] { files.keys.sorted() }
}

extension SimulatedFileStore {
    /// A disk of its own that begins as the image.
    package convenience init(_ image: DiskImage) {
        self.init()
        install(image)
    }

    package func image() -> DiskImage {
        state.withLock { state in
            DiskImage(
                files: state.durableNames.mapValues { .init(inode: $0.number, bytes: $0.durable) },
                directories: state.directories)
        }
    }

    /// Replaces everything on the disk, of a machine that is down. `asCopy`: onto other storage, so that a start can
    /// know that it runs on a copy (S1); otherwise the very disk of then is back, and no start can know.
    package func install(_ image: DiskImage, asCopy: Bool = false) {
        state.withLock { state in
            state.clear()
            state.directories.formUnion(image.directories)
            for (path, stored) in image.files.sorted(by: { $0.key < $1.key }) {
                let number = asCopy ? state.nextInode : stored.inode
                state.nextInode = max(state.nextInode, number) + 1
                let inode = SimulatedInode(number: number, durable: stored.bytes)
                state.names[path] = inode
                state.durableNames[path] = inode
            }
        }
    }

    /// An empty disk in place of this one, of a machine that is down.
    package func wipe() { state.withLock { $0.clear() } }
}

extension SimulatedFileStore.State {
    fileprivate mutating func clear() {
        names = [:]
        durableNames = [:]
        unsyncedNames = []
        directories = ["."]
        locks = []
        sharedLocks = [:]
    }
}
