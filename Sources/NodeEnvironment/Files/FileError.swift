// What can go wrong with files.

/// A failed file operation: what was tried, on which path, and the system's reason.
package struct FileError: Error, Hashable, CustomStringConvertible {
    /// What the failure means for the caller. New codes may appear: handle the rest as `.io`.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        package let description: String

        private init(_ description: String) { self.description = description }

        package static let notFound = Code("no such file")
        package static let alreadyExists = Code("already exists")
        package static let permissionDenied = Code("permission denied")
        /// ENOSPC or EDQUOT.
        package static let noSpace = Code("no space left on device")
        /// EFBIG: a file would be longer than the process or the file system may make one.
        package static let fileTooLong = Code("longer than this process, or the file system, may make a file")
        /// EMFILE or ENFILE.
        package static let tooManyOpenFiles = Code("too many open files")
        /// EROFS.
        package static let readOnly = Code("read-only file system")
        package static let locked = Code("locked by another process")
        package static let isDirectory = Code("it is a directory, not a file")
        /// A pipe, a socket or a device: what is read of it is gone, and may never come.
        package static let notAFile = Code("it is no regular file")
        package static let notADirectory = Code("a part of the path is a file, not a directory")
        package static let linkLoop = Code("symbolic links lead in a circle")
        package static let nameTooLong = Code("the name is too long")
        /// EIO and whatever has no code of its own.
        package static let io = Code("input/output error")
    }

    package var code: Code
    /// The call that failed: "open", "pwrite", "fdatasync"…
    package var operation: String
    package var path: String
    /// The system's errno, 0 where there is none.
    package var systemError: Int32

    package init(_ code: Code, operation: String, path: String, systemError: Int32 = 0) {
        self.code = code
        self.operation = operation
        self.path = path
        self.systemError = systemError
    }

    /// The same failure, of a path that people find.
    package func named(_ path: String) -> FileError {
        var named = self
        named.path = path
        return named
    }

    package var description: String {
        "\(operation) \(path): \(code)" + (systemError == 0 ? "" : " (errno \(systemError))")
    }
}
