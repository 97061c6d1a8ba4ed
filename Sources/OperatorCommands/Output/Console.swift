// Standard output and standard error of a command.

import Glibc

/// Answers go to standard output, progress to standard error. Lines are written whole.
package enum Console {
    package static func answer(_ line: String) { write(line + "\n", to: STDOUT_FILENO) }

    package static func progress(_ line: String) { write(line + "\n", to: STDERR_FILENO) }

    /// Writes all of the text; gives up quietly when the reader has gone, as a pipe's writer must.
    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let written = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { return }
            bytes = bytes.dropFirst(written)
        }
    }
}
