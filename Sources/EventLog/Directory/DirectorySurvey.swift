// What a data directory says of itself, to starts and to offline commands alike. Reads only.

package import NodeEnvironment

/// Looks without changing anything, on a read-only disk too. Blocks on the disk.
package struct DirectorySurvey: Sendable {
    package enum Finding: Hashable, Sendable {
        /// Not there; its parent is.
        case absent
        case empty
        case identified(DirectoryIdentity)
    }

    private let path: String
    private let files: any FileStore

    package init(_ path: String, files: any FileStore) {
        self.path = path
        self.files = files
    }

    /// Whose the directory is; nil where nothing says it. Throws `.otherFormat`, `.damagedIdentity`, `.unreadable`,
    /// `.otherOwner`, `.noPermission`.
    package func identity() throws(DirectoryRefusal) -> DirectoryIdentity? {
        var other: IdentityFailure?
        let loaded: GenerationFile.Loaded<DirectoryIdentity>
        do throws(FileError) {
            loaded = try DirectoryIdentity.copies(in: path, files: files).read { bytes in
                do throws(IdentityFailure) {
                    return try DirectoryIdentity(decoding: bytes)
                } catch {
                    if case .otherFormat = error { other = error }
                    throw error
                }
            }
        } catch {
            throw DirectoryRefusal(error, in: path, files: files)
        }
        if let other { throw .otherFormat(other, in: path) }
        guard let newest = loaded.newest else {
            if loaded.isAbsent { return nil }
            // A file that this process may not read says nothing about its bytes.
            if let denied = denial() { throw DirectoryRefusal(denied, in: path, files: files) }
            throw .damaged(loaded.refused, in: path)
        }
        return newest.value
    }

    /// What keeps this process from reading what is there; nil where nothing does.
    package func denial() -> FileError? {
        do throws(FileError) {
            for name in try files.list(path) where name.hasPrefix("identity-") {
                try files.open("\(path)/\(name)", .read).close()
            }
        } catch {
            return error.code == .permissionDenied ? error : nil
        }
        return nil
    }

    /// Throws `.otherIdentity` where the directory was made for something else than `asked`; where nothing says whose it is,
    /// it may be anybody's.
    package func check(_ asked: DirectoryIdentity) throws(DirectoryRefusal) {
        guard let differences = try identity()?.differences(from: asked), !differences.isEmpty else { return }
        throw .other(differences, in: path)
    }

    /// Whether a node with the identity `asked` may start here. Throws DirectoryRefusal.
    package func look(expecting asked: DirectoryIdentity) throws(DirectoryRefusal) -> Finding {
        guard files.exists(path) else {
            let parent = Self.parent(of: path)
            guard files.exists(parent) else { throw .missing(path, parent: parent) }
            return .absent
        }
        let names: [String]
        do throws(FileError) {
            names = try files.list(path)
        } catch {
            throw DirectoryRefusal(error, in: path, files: files)
        }
        if let identity = try identity() {
            let differences = identity.differences(from: asked)
            guard differences.isEmpty else { throw .other(differences, in: path) }
            return .identified(identity)
        }
        guard !names.contains(where: Self.isOfJournal) else { throw .withoutIdentity(path) }
        let foreign = names.filter { !Self.isHarmless($0) }
        guard foreign.isEmpty else { throw .foreign(foreign, in: path) }
        return .empty
    }

    /// Whether a start may write what is there, or make it, as far as modes and mounts tell.
    package func checkWritable() throws(DirectoryRefusal) {
        do throws(FileError) {
            guard files.exists(path) else { return try files.checkWritable(Self.parent(of: path)) }
            try files.checkWritable(path)
            for name in ["lock", "marks"] where files.exists("\(path)/\(name)") {
                try files.checkWritable("\(path)/\(name)")
            }
        } catch {
            throw DirectoryRefusal(error, in: path, files: files)
        }
    }

    /// Whether a start has the room that it needs.
    package func checkSpace(_ needed: UInt64) throws(DirectoryRefusal) {
        let free: UInt64
        do throws(FileError) {
            free = try files.availableBytes(at: files.exists(path) ? path : Self.parent(of: path))
        } catch {
            throw DirectoryRefusal(error, in: path, files: files)
        }
        guard free >= needed else { throw .full(path, free: free, needed: needed) }
    }

    /// A journal has them from its first moment on.
    private static func isOfJournal(_ name: String) -> Bool { name == "marks" || name.hasSuffix(".segment") }

    /// What an empty directory may hold: what a start that was cut off left, what a file system makes, hidden files.
    private static func isHarmless(_ name: String) -> Bool {
        name == "lock" || name == "lost+found" || name.hasPrefix(".")
            || name.hasSuffix(GenerationName.unfinishedSuffix)
    }

    static func parent(of path: String) -> String {
        let trimmed = path.count > 1 && path.last == "/" ? path.dropLast() : path[...]
        guard let slash = trimmed.lastIndex(of: "/") else { return "." }
        return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
    }
}
