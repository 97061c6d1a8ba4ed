// A temporary directory of a command.

import Foundation

/// Made under the system's temporary folder, readable by this user only; removed by `remove()`.
package struct ScratchDirectory: Hashable, Sendable {
    package let path: String

    /// `name` begins the directory's name.
    package init(_ name: String) throws(OperatorFailure) {
        let parent = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
        var template = Array("\(parent)/\(name)-XXXXXX".utf8CString)
        let isMade = unsafe template.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return false }
            return unsafe mkdtemp(base) != nil
        }
        guard isMade else {
            throw OperatorFailure(
                .usage, "no temporary directory in \(parent) (errno \(errno))", nextStep: "set TMPDIR to a folder")
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Makes a directory inside and returns its path.
    package func makeSubdirectory(_ name: String) throws(OperatorFailure) -> String {
        let inner = "\(path)/\(name)"
        guard unsafe mkdir(inner, 0o700) == 0 || errno == EEXIST else {
            throw OperatorFailure(.usage, "\(inner) cannot be made (errno \(errno))")
        }
        return inner
    }

    /// A directory inside, as one of its own.
    package func inner(_ name: String) throws(OperatorFailure) -> ScratchDirectory {
        ScratchDirectory(at: try makeSubdirectory(name))
    }

    private init(at path: String) { self.path = path }

    /// Deletes the directory and all in it.
    package func remove() {
        // What cannot be removed is left to the system, which empties its temporary folder.
        try? FileManager.default.removeItem(atPath: path)
    }
}
