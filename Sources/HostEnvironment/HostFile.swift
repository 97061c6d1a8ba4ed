// One open file of the real file system.

import Glibc
import NodeEnvironment
import Synchronization

/// A descriptor. Closed once, by `close()` or at the end of its life.
final class HostFile: StoredFile {
    private let descriptor: Int32
    private let path: String
    private let isClosed = Atomic<Bool>(false)

    init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close() }

    func read(at position: UInt64, count: Int) throws(FileError) -> [UInt8] {
        try read(at: position, count: count, behind: [])
    }

    func read(at position: UInt64, count: Int, behind kept: ArraySlice<UInt8>) throws(FileError) -> [UInt8] {
        let total = kept.count + max(0, count)
        var failed = false
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: total) { buffer, filled in
            (_, filled) = unsafe buffer.initialize(from: kept)
            while filled < total {
                let got = unsafe pread(
                    descriptor, UnsafeMutableRawPointer(buffer.baseAddress)?.advanced(by: filled), total - filled,
                    off_t(position) + off_t(filled - kept.count))
                if got > 0 {
                    filled += got
                } else if got == 0 {
                    return
                } else if errno != EINTR {
                    failed = true
                    return
                }
            }
        }
        if failed { throw .last("pread", path) }
        return bytes
    }

    func write(_ bytes: borrowing RawSpan, at position: UInt64) throws(FileError) {
        let isWritten = unsafe bytes.withUnsafeBytes { raw in
            var done = 0
            while done < raw.count {
                let wrote = unsafe pwrite(
                    descriptor, raw.baseAddress?.advanced(by: done), raw.count - done, off_t(position) + off_t(done))
                if wrote > 0 {
                    done += wrote
                } else if wrote == 0 || errno != EINTR {
                    return false
                }
            }
            return true
        }
        guard isWritten else { throw .last("pwrite", path) }
    }

    func write(_ pieces: [ArraySlice<UInt8>], at position: UInt64) throws(FileError) {
        // The storage of an array stays where it is while `pieces` holds it.
        defer { withExtendedLifetime(pieces) {} }
        var vectors = unsafe pieces.filter { !$0.isEmpty }.map { piece in
            unsafe piece.withUnsafeBytes { raw in
                unsafe iovec(iov_base: UnsafeMutableRawPointer(mutating: raw.baseAddress), iov_len: raw.count)
            }
        }
        var (next, offset) = (0, off_t(position))
        while unsafe next < vectors.count {
            let count = unsafe Int32(min(vectors.count - next, Self.vectorsAtOnce))
            let wrote = unsafe vectors.withUnsafeBufferPointer { all in
                unsafe pwritev(descriptor, all.baseAddress?.advanced(by: next), count, offset)
            }
            if wrote < 0, errno == EINTR { continue }
            guard wrote > 0 else { throw .last("pwritev", path) }
            offset += off_t(wrote)
            // After a short write the rest of its last piece is still to be written.
            var left = wrote
            while unsafe next < vectors.count && left >= vectors[next].iov_len {
                left -= unsafe vectors[next].iov_len
                next += 1
            }
            if left > 0 {
                unsafe vectors[next].iov_base += left
                unsafe vectors[next].iov_len -= left
            }
        }
    }

    /// IOV_MAX of Linux.
    private static let vectorsAtOnce = 1_024

    func synchronizeData() throws(FileError) {
        // Not tried again after EINTR: a sync that failed once leaves the page cache in doubt (S7).
        guard fdatasync(descriptor) == 0 else { throw .last("fdatasync", path) }
    }

    func reserve(length: UInt64) throws(FileError) {
        let result = posix_fallocate(descriptor, 0, off_t(length))
        guard result == 0 else {
            errno = result
            throw .last("fallocate", path)
        }
    }

    func truncate(length: UInt64) throws(FileError) {
        guard ftruncate(descriptor, off_t(length)) == 0 else { throw .last("ftruncate", path) }
    }

    func length() throws(FileError) -> UInt64 {
        var answer = stat()
        guard unsafe fstat(descriptor, &answer) == 0 else { throw .last("fstat", path) }
        return UInt64(answer.st_size)
    }

    func dropFromCache(at position: UInt64, count: Int) {
        _ = posix_fadvise(descriptor, off_t(position), off_t(count), POSIX_FADV_DONTNEED)
    }

    func close() {
        if !isClosed.exchange(true, ordering: .acquiringAndReleasing) { Glibc.close(descriptor) }
    }
}
