// A data directory held by one process, known to be the right one. Taken before anything else happens at a start: what is
// wrong is said before anything is changed, apart from the file "lock" where there was none.

package import NodeEnvironment

/// Holds the directory's lock until `release`. Thread-safe.
package final class DirectoryClaim: Sendable {
    package let path: String
    package let identity: DirectoryIdentity
    /// What was there before.
    package let found: DirectorySurvey.Finding
    /// For whoever opens something in the directory and would lock it by itself. It stays the claim's.
    package let lock: any FileLock

    private init(
        path: String, identity: DirectoryIdentity, found: DirectorySurvey.Finding, lock: any FileLock
    ) {
        self.path = path
        self.identity = identity
        self.found = found
        self.lock = lock
    }

    /// Whether the directory held nothing before.
    package var isNew: Bool { found == .absent || found == .empty }

    /// Idempotent.
    package func release() { lock.release() }

    /// Claims `path` for a node with this identity. An empty directory gets it, one that is missing is made where its parent
    /// is there. `needed`: bytes that have to be free. Blocks on the disk.
    package static func take(
        _ path: String, for identity: DirectoryIdentity, needing needed: UInt64, files: any FileStore
    ) throws(DirectoryRefusal) -> DirectoryClaim {
        let survey = DirectorySurvey(path, files: files)
        let before = try survey.look(expecting: identity)
        try survey.checkSpace(needed)
        let lock = try onDisk(path, files) { () throws(FileError) in
            if before == .absent { try files.createDirectory(path) }
            return try files.lockExclusively("\(path)/lock")
        }
        do throws(DirectoryRefusal) {
            // Another start may have been first, up to the lock.
            let isNew = try survey.look(expecting: identity) == .empty
            try onDisk(path, files) { () throws(FileError) in
                let copies = DirectoryIdentity.copies(in: path, files: files)
                if isNew {
                    try copies.save(identity.encode()) { _ = try DirectoryIdentity(decoding: $0) }
                } else {
                    _ = try copies.load { try DirectoryIdentity(decoding: $0) }
                }
                try GenerationFile.removeUnfinished(in: path, files: files)
            }
            let found = isNew ? before : .identified(identity)
            return DirectoryClaim(path: path, identity: identity, found: found, lock: lock)
        } catch {
            lock.release()
            throw error
        }
    }

    private static func onDisk<Value>(
        _ path: String, _ files: any FileStore, _ body: () throws(FileError) -> Value
    ) throws(DirectoryRefusal) -> Value {
        do throws(FileError) {
            return try body()
        } catch {
            throw DirectoryRefusal(error, in: path, files: files)
        }
    }
}
