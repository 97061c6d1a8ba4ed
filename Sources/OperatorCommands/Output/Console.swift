// Standard output and standard error of a command.

import Glibc
import Synchronization

/// Answers go to standard output, progress to standard error. Lines are written whole.
package enum Console {
    /// The system's error of the first answer that could not be written; 0 while all could. A reader that has gone (EPIPE)
    /// is no error: it had what it wanted.
    private static let failure = Atomic<Int32>(0)

    package static func answer(_ line: String) {
        let error = write(line + "\n", to: STDOUT_FILENO)
        guard error != 0, error != EPIPE else { return }
        _ = failure.compareExchange(expected: 0, desired: error, ordering: .relaxed)
    }

    package static func progress(_ line: String) {
        // There is nobody left to tell.
        _ = write(line + "\n", to: STDERR_FILENO)
    }

    /// Whether somebody can still read answers: false once the other end of a pipe or a terminal has gone, which a command that
    /// goes on until it is interrupted would otherwise never notice. A file and /dev/null always can.
    package static var hasReader: Bool { hasReader(of: STDOUT_FILENO) }

    static func hasReader(of descriptor: Int32) -> Bool {
        var question = pollfd(fd: descriptor, events: 0, revents: 0)
        // What goes wrong here shows when something is written.
        guard unsafe poll(&question, 1, 0) > 0 else { return true }
        return Int32(question.revents) & (POLLERR | POLLHUP | POLLNVAL) == 0
    }

    /// Throws once an answer could not be written, such as to a full disk: whoever reads it would take a part for all.
    package static func checkAnswers() throws(OperatorFailure) {
        let error = failure.load(ordering: .relaxed)
        guard error != 0 else { return }
        let words = unsafe String(cString: strerror(error))
        throw OperatorFailure(
            .refused, "the answer could not be written to standard output: \(words)",
            nextStep: "free room where the output goes, and run the command again")
    }

    /// Writes all of the text. The error that kept it from that, or 0.
    private static func write(_ text: String, to descriptor: Int32) -> Int32 {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let written = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { return written < 0 ? errno : EIO }
            bytes = bytes.dropFirst(written)
        }
        return 0
    }
}
