// SIGTERM and SIGINT, heard by a thread of its own: whatever the process's other threads and its disk do, a stop ends
// within its limit (Decisions/0026).
//
// The handler writes the signal's number into a pipe and does nothing else; the thread reads them. No pool, no dispatch
// queue and no allocation lies between a signal and the end of the process.

import ClusterModel
import Glibc
package import NodeEnvironment
import Synchronization

/// The writing end of the process's one watch; -1 before there is one.
private let signalPipe = Atomic<Int32>(-1)

/// Asks the process to stop at the first signal. Ends it, at once and without cleaning up, at the second one or when the
/// limit has passed. Signals right after the first are the same request: `timeout` sends one to the process and one to its
/// group. Lives as long as the process: a process makes one.
package struct TerminationWatch: Sendable {
    /// Why a process was not let finish.
    package enum Reason: String, Hashable, Sendable {
        case secondSignal = "a second signal"
        case limitPassed = "the limit of a stop has passed"
    }

    /// For so long after the first signal others are the same request.
    package static let oneRequest: Duration = .milliseconds(100)

    private let limit: Duration
    private let status: Int32
    private let name: String
    private let onRequest: @Sendable () -> Void
    private let reader: Int32

    /// `limit`: from the first signal to the end of the process. `status`: the exit code of a process that was not let
    /// finish; `name` begins what it says then, on standard error. `onRequest` runs once, on the watch's thread, and must not
    /// block. Throws FileError where there is no descriptor for it, or a second watch.
    @discardableResult
    package init(
        limit: Duration, status: Int32, name: String, onRequest: @escaping @Sendable () -> Void
    ) throws(FileError) {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { throw .last("pipe", "signals") }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        guard signalPipe.compareExchange(expected: -1, desired: ends[1], ordering: .sequentiallyConsistent).exchanged
        else {
            for end in ends { Glibc.close(end) }
            throw FileError(.io, operation: "pipe", path: "a second watch for signals")
        }
        self.limit = limit
        self.status = status
        self.name = name
        self.onRequest = onRequest
        reader = ends[0]
        let watch = self
        // Never shut down: the process ends with it.
        ThreadExecutor(label: "meridian-signal").execute { watch.run() }
        for number in [SIGTERM, SIGINT] { Self.install(number) }
    }

    private static func install(_ number: Int32) {
        var action = sigaction()
        unsafe action.__sigaction_handler.sa_handler = { number in
            let saved = errno
            var byte = UInt8(truncatingIfNeeded: number)
            // A full pipe holds more signals than anybody needs.
            _ = unsafe Glibc.write(signalPipe.load(ordering: .relaxed), &byte, 1)
            errno = saved
        }
        action.sa_flags = SA_RESTART
        unsafe sigemptyset(&action.sa_mask)
        unsafe sigaction(number, &action, nil)
    }

    private func run() {
        let clock = HostClock()
        guard wait(until: nil, clock) else { return }
        let now = clock.bootTime()
        let deadline = now.advanced(by: limit)
        onRequest()
        // Reads before it looks at the time: what was sent meanwhile is gone, however late this thread is.
        while wait(until: now.advanced(by: min(limit, Self.oneRequest)), clock) {}
        end(wait(until: deadline, clock) ? .secondSignal : .limitPassed)
    }

    /// Returns at the next signal: true, or at the deadline: false.
    private func wait(until deadline: BootInstant?, _ clock: HostClock) -> Bool {
        while true {
            var byte: UInt8 = 0
            if unsafe Glibc.read(reader, &byte, 1) == 1 { return true }
            let left = deadline.map { $0.since(clock.bootTime()).signedNanoseconds / 1_000_000 + 1 }
            if let left, left <= 0 { return false }
            var query = pollfd(fd: reader, events: Int16(POLLIN), revents: 0)
            unsafe poll(&query, 1, left.map { Int32(clamping: $0) } ?? -1)
        }
    }

    private func end(_ reason: Reason) -> Never {
        var query = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        // Somebody who does not read must not hold up the end.
        if unsafe poll(&query, 1, 0) == 1 {
            let line = Array("\(name): ended without finishing: \(reason.rawValue)\n".utf8)
            _ = unsafe Glibc.write(STDERR_FILENO, line, line.count)
        }
        _exit(status)
    }
}
