// Why nobody starts on a data directory, and what to do.

package import NodeEnvironment

/// One sentence and the next step; nothing was changed on the disk.
package struct DirectoryRefusal: Error, Hashable, CustomStringConvertible {
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        package let description: String

        private init(_ description: String) { self.description = description }

        package static let missing = Code("no data directory")
        /// Something else than ours lies in it.
        package static let foreign = Code("not a data directory")
        /// A journal, and nothing that says whose it is.
        package static let withoutIdentity = Code("the data directory has no identity")
        package static let damagedIdentity = Code("the data directory's identity does not verify")
        package static let otherIdentity = Code("the data directory was made for something else")
        /// Of a newer version, or of one that is too old.
        package static let otherFormat = Code("the data directory has another format")
        package static let inUse = Code("the data directory is in use")
        package static let readOnly = Code("the data directory cannot be written")
        /// It, or a file in it, belongs to another user than this process runs as.
        package static let otherOwner = Code("the data directory is another user's")
        /// This process's user owns it, and its mode keeps it out.
        package static let noPermission = Code("the data directory's permissions keep this process out")
        package static let full = Code("no space for the log")
        package static let unreadable = Code("the data directory cannot be read")
    }

    package var code: Code
    package var message: String
    package var nextStep: String

    package init(_ code: Code, _ message: String, nextStep: String) {
        self.code = code
        self.message = message
        self.nextStep = nextStep
    }

    package var description: String { "\(code): \(message)" }
}

extension DirectoryRefusal {
    static func other(_ differences: [DirectoryIdentity.Difference], in path: String) -> DirectoryRefusal {
        let parts = differences.contains { $0.key == "deployment.partitions" }
        return DirectoryRefusal(
            .otherIdentity, "\(path): \(differences.map(\.description).joined(separator: "; "))",
            nextStep: "correct the configuration, or give log.directory a directory of its own"
                + (parts ? "; the number of partitions of a deployment never changes" : ""))
    }

    static func otherFormat(_ failure: IdentityFailure, in path: String) -> DirectoryRefusal {
        DirectoryRefusal(
            .otherFormat, "\(path): \(failure)", nextStep: "start the version that wrote it, or a newer one")
    }

    static func damaged(_ reasons: [String], in path: String) -> DirectoryRefusal {
        DirectoryRefusal(
            .damagedIdentity, "\(path): \(reasons.joined(separator: "; "))",
            nextStep: "put identity-*.directory back from a backup, or start on an empty directory and let the other "
                + "regions give back what they hold")
    }

    static func withoutIdentity(_ path: String) -> DirectoryRefusal {
        DirectoryRefusal(
            .withoutIdentity,
            "\(path) holds a journal, and no file identity-*.directory says which deployment and region it is of",
            nextStep:
                "put identity-*.directory back from a backup, or give log.directory an empty directory; a journal "
                + "of version 0.1 is not read by this one")
    }

    static func foreign(_ names: [String], in path: String) -> DirectoryRefusal {
        let shown = names.prefix(3).joined(separator: ", ") + (names.count > 3 ? ", …" : "")
        return DirectoryRefusal(
            .foreign, "\(path) holds \(names.count) files that are not a journal's (\(shown))",
            nextStep: "give log.directory an empty directory")
    }

    static func missing(_ path: String, parent: String) -> DirectoryRefusal {
        DirectoryRefusal(
            .missing, "\(path) is not there, nor is \(parent)",
            nextStep: "where this node has run before, mount its disk or correct log.directory: see "
                + "Runbooks/directory-lost.md. For a first start make \(parent); a start on an empty directory begins with "
                + "nothing, and gets back what the other regions hold, and nothing else")
    }

    static func full(_ path: String, free: UInt64, needed: UInt64) -> DirectoryRefusal {
        DirectoryRefusal(
            .full, "the file system of \(path) has \(free) bytes free; a start needs \(needed)",
            nextStep: "free space, or lower log.segment_bytes; see Runbooks/disk-full.md")
    }

    /// What an operation on the directory failed with.
    package init(_ error: FileError, in path: String, files: any FileStore) {
        switch error.code {
        case .locked:
            self.init(
                .inUse, "\(path) is in use by another process (\(error))",
                nextStep: "stop that process, or give this node a directory of its own")
        case .readOnly:
            self.init(.readOnly, "\(path): \(error)", nextStep: "mount its file system for writing")
        case .permissionDenied: self.init(denied: error, in: path, files)
        case .noSpace:
            self.init(.full, "\(path): \(error)", nextStep: "free space; see Runbooks/disk-full.md")
        default:
            self.init(.unreadable, "\(path): \(error)", nextStep: "give log.directory a directory that can be read")
        }
    }

    /// Says whose it is that this process may not use, and who this process is: the two ways out are one user for both.
    private init(denied error: FileError, in path: String, _ files: any FileStore) {
        // What the operation named may not be there, or lie where nobody else may look.
        guard let (place, owner) = Self.owner([error.path, path, DirectorySurvey.parent(of: path)], files) else {
            self.init(
                .noPermission, "\(path): \(error)",
                nextStep: "let this process's user through to it: ls -ld \(path) and each directory above it")
            return
        }
        guard owner.owner != owner.process else {
            self.init(
                .noPermission, "\(path): \(error); \(place) is this process's own (user \(owner.process))",
                nextStep: "give its owner back what its mode takes away: chmod -R u+rwX \(place)")
            return
        }
        self.init(
            .otherOwner,
            "\(path): \(error); \(place) belongs to user \(owner.owner), and this process runs as \(owner.process)",
            nextStep: "run it as \(owner.owner), or let \(owner.process) have the directory: "
                + "chown -R \(owner.process) \(path)")
    }

    private static func owner(_ paths: [String], _ files: any FileStore) -> (path: String, owner: FileOwner)? {
        for path in paths {
            if let owner = files.owner(of: path) { return (path, owner) }
        }
        return nil
    }
}
