// A mount namespace of a test's own: file systems that only its processes see.

import Foundation

/// Root has the right to one; others get it with a user namespace, where the system allows that.
enum MountNamespace {
    private static let ways = [["/usr/bin/unshare", "-m"], ["/usr/bin/unshare", "-r", "-m"]]

    private static let way: [String]? = ways.first { way in
        let process = Process()
        process.executableURL = URL(filePath: way[0])
        process.arguments = way.dropFirst() + ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt"]
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }  // no unshare: not allowed
        process.waitUntilExit()
        return process.terminationStatus == 0
    }

    static let isAllowed = way != nil
    static let absence = "needs the right to mount in a namespace (unshare -m, or unshare -r -m)"

    /// Executes what follows it after `script` has run, where `$0` is `path`.
    static func launcher(_ script: String, at path: String) -> [String] {
        (way ?? ways[0]) + ["/bin/bash", "-c", "\(script) && exec \"$@\"", path]
    }
}
