// The real file system, by POSIX calls.

import Glibc
package import NodeEnvironment

/// Stateless but for `damage`; every call names its path in its error.
package struct HostFileStore: FileStore {
    package let damage: FileDamage?

    package init(damage: FileDamage? = nil) { self.damage = damage }

    package func open(_ path: String, _ mode: FileOpenMode) throws(FileError) -> any StoredFile {
        let flags: Int32 =
            switch mode {
            case .read: O_RDONLY
            case .readWrite: O_RDWR
            case .createNew: O_RDWR | O_CREAT | O_EXCL
            case .createOrReplace: O_RDWR | O_CREAT | O_TRUNC
            }
        // A pipe without a writer would hold whoever opens it for ever; regular files do not ask for it.
        let descriptor = unsafe Glibc.open(path, flags | O_CLOEXEC | O_NONBLOCK, 0o600)
        guard descriptor >= 0 else { throw .last("open", path) }
        let file = HostFile(descriptor: descriptor, path: path)
        do {
            try Self.checkKind(descriptor, path)
        } catch {
            file.close()
            throw error
        }
        return file
    }

    /// Positions and lengths mean something in regular files only; character devices such as /dev/null are let through.
    private static func checkKind(_ descriptor: Int32, _ path: String) throws(FileError) {
        var answer = stat()
        guard unsafe fstat(descriptor, &answer) == 0 else { throw .last("fstat", path) }
        switch answer.st_mode & S_IFMT {
        case S_IFREG, S_IFCHR: return
        case S_IFDIR: throw FileError(.isDirectory, operation: "open", path: path)
        default: throw FileError(.notAFile, operation: "open", path: path)
        }
    }

    package func permissions(of path: String) throws(FileError) -> UInt16? {
        var answer = stat()
        guard unsafe stat(path, &answer) == 0 else { throw .last("stat", path) }
        return UInt16(truncatingIfNeeded: answer.st_mode & 0o7777)
    }

    package func checkWritable(_ path: String) throws(FileError) {
        // As who it is now, not as who started it. A directory has to be passed through too; a file is nothing to execute.
        var answer = stat()
        guard unsafe stat(path, &answer) == 0 else { throw .last("stat", path) }
        let wanted = answer.st_mode & S_IFMT == S_IFDIR ? R_OK | W_OK | X_OK : R_OK | W_OK
        guard unsafe faccessat(AT_FDCWD, path, wanted, AT_EACCESS) == 0 else { throw .last("access", path) }
    }

    package func owner(of path: String) -> FileOwner? {
        var answer = stat()
        guard unsafe stat(path, &answer) == 0 else { return nil }
        return FileOwner(owner: Self.user(answer.st_uid), process: Self.user(geteuid()))
    }

    /// The user's name; the number where the system has none for it.
    private static func user(_ number: uid_t) -> String {
        var buffer = [CChar](repeating: 0, count: longestUserEntry)
        let name = unsafe buffer.withUnsafeMutableBufferPointer { buffer -> String? in
            guard let start = buffer.baseAddress else { return nil }
            var entry = unsafe passwd()
            var found: UnsafeMutablePointer<passwd>?
            let result = unsafe getpwuid_r(number, &entry, start, buffer.count, &found)
            guard result == 0, unsafe found != nil, let name = unsafe entry.pw_name else { return nil }
            return unsafe String(cString: name)
        }
        return name ?? "\(number)"
    }

    private static let longestUserEntry = 16 << 10

    package func absolutePath(of path: String) -> String {
        guard !path.hasPrefix("/"), let here = unsafe getcwd(nil, 0) else { return path }
        defer { unsafe free(here) }
        return unsafe "\(String(cString: here))/\(path)"
    }

    package func createDirectory(_ path: String) throws(FileError) {
        if exists(path) { return }
        let parent = Self.parent(of: path)
        if parent != path { try createDirectory(parent) }
        guard unsafe mkdir(path, 0o700) == 0 || errno == EEXIST else { throw .last("mkdir", path) }
        try syncDirectory(parent)
    }

    package func list(_ directory: String) throws(FileError) -> [String] {
        guard let stream = unsafe opendir(directory) else { throw .last("opendir", directory) }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe String(cString: UnsafeRawPointer(pointer).assumingMemoryBound(to: CChar.self))
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    package func rename(_ source: String, to destination: String) throws(FileError) {
        guard unsafe Glibc.rename(source, destination) == 0 else { throw .last("rename", source) }
    }

    package func remove(_ path: String) throws(FileError) {
        guard unsafe unlink(path) == 0 else { throw .last("unlink", path) }
    }

    package func syncDirectory(_ path: String) throws(FileError) {
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last("open", path) }
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .last("fsync", path) }
    }

    package func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    package func availableBytes(at path: String) throws(FileError) -> UInt64 {
        var answer = statvfs()
        guard unsafe statvfs(path, &answer) == 0 else { throw .last("statvfs", path) }
        return UInt64(answer.f_bavail) * UInt64(answer.f_frsize)
    }

    package func storageIdentity(of path: String) throws(FileError) -> StorageIdentity {
        var answer = stat()
        guard unsafe stat(path, &answer) == 0 else { throw .last("stat", path) }
        return StorageIdentity(device: UInt64(answer.st_dev), inode: UInt64(answer.st_ino))
    }

    package func lockExclusively(_ path: String) throws(FileError) -> any FileLock {
        let descriptor = unsafe Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .last("open", path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let error = FileError.last("flock", path)
            Glibc.close(descriptor)
            throw error
        }
        return HostFileLock(file: HostFile(descriptor: descriptor, path: path))
    }

    package func lockShared(_ path: String) throws(FileError) -> (any FileLock)? {
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0, errno == ENOENT { return nil }
        guard descriptor >= 0 else { throw .last("open", path) }
        guard flock(descriptor, LOCK_SH | LOCK_NB) == 0 else {
            let error = FileError.last("flock", path)
            Glibc.close(descriptor)
            throw error
        }
        return HostFileLock(file: HostFile(descriptor: descriptor, path: path))
    }

    private static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}

/// Holds a flock(2): it ends with the descriptor, hence with the process.
struct HostFileLock: FileLock {
    let file: HostFile

    func release() { file.close() }
}

extension FileError {
    /// The failure that errno names.
    static func last(_ operation: String, _ path: String) -> FileError {
        let number = errno
        let code: Code =
            switch number {
            case ENOENT: .notFound
            case EEXIST: .alreadyExists
            case EACCES, EPERM: .permissionDenied
            case ENOSPC, EDQUOT: .noSpace
            case EFBIG: .fileTooLong
            case EMFILE, ENFILE: .tooManyOpenFiles
            case EROFS: .readOnly
            case EWOULDBLOCK: .locked
            case EISDIR: .isDirectory
            case ENXIO: .notAFile
            case ENOTDIR: .notADirectory
            case ELOOP: .linkLoop
            case ENAMETOOLONG: .nameTooLong
            default: .io
            }
        return FileError(code, operation: operation, path: path, systemError: number)
    }
}
