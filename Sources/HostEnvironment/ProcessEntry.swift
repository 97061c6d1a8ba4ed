// How a process begins: without a thread of the concurrency runtime, until it is known that the system grants some.

import Dispatch
import Glibc
import NodeEnvironment

/// The entry point of an executable. Where the system grants too few threads, the runtime waits for one without a word, for
/// ever, and that before anything of an asynchronous `main` is run: so `main` is a plain function that calls this.
package enum ProcessEntry {
    /// Threads of the runtime that run work, one a core, and of its queue of the main function, its timers and its signals.
    package static var runtimeThreads: Int { EventLoopPool.cores + 3 }

    /// Runs `body`, then ends the process with 0; `body` ends it by itself for anything else. Where the system does not grant
    /// the runtime's threads the process ends with `status`, and says so on standard error, beginning with `name`.
    package static func run(_ name: String, refusing status: Int32, _ body: @escaping @Sendable () async -> Void)
        -> Never
    {
        guard MachineLimits.hasRoom(forThreads: runtimeThreads) else {
            let line = Array("\(name): \(refusal)\n".utf8)
            // Nobody is left to tell where it cannot be written.
            _ = unsafe Glibc.write(STDERR_FILENO, line, line.count)
            exit(status)
        }
        // Where `ulimit -f` is reached the system ends a process that does not look away; the write fails all the same.
        _ = signal(SIGXFSZ, SIG_IGN)
        // The process's own: whatever else runs belongs to it.
        Task {
            await body()
            exit(0)
        }
        dispatchMain()
    }

    private static var refusal: String {
        "the machine grants too little: the system does not grant the \(runtimeThreads) threads that it takes to begin\n"
            + "  next: \(MachineLimits.threadAdvice)"
    }
}
