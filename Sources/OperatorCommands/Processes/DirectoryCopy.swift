// A node's files put aside, put back, or lost: what happens to disks, done on purpose.

import Foundation

/// Works on whole directories. Blocks on the disk.
package enum DirectoryCopy {
    /// Copies `source` to `destination`, which must not be there. The node that owns it is stopped or frozen.
    package static func make(of source: String, at destination: String) throws(OperatorFailure) {
        try attempt("copying \(source)") { try FileManager.default.copyItem(atPath: source, toPath: destination) }
    }

    /// `copy` takes the place of `directory`, which is deleted.
    package static func restore(_ copy: String, over directory: String) throws(OperatorFailure) {
        try delete(directory)
        try attempt("putting back \(copy)") { try FileManager.default.moveItem(atPath: copy, toPath: directory) }
    }

    package static func delete(_ directory: String) throws(OperatorFailure) {
        try attempt("deleting \(directory)") { try FileManager.default.removeItem(atPath: directory) }
    }

    private static func attempt(_ doing: String, _ body: () throws -> Void) throws(OperatorFailure) {
        do { try body() } catch {
            throw OperatorFailure(.usage, "\(doing): \(error)", nextStep: "free space in TMPDIR")
        }
    }
}
