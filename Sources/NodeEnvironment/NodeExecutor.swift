// Threads, as the node sees them (ARCHITECTURE, idea 5): a fixed set of serial executors, one a core, and dedicated
// executors for work that blocks.

package import ClusterModel

/// A serial executor that actors, tasks and plain closures run on: a NIO event loop in the real environment.
package protocol NodeExecutor: SerialExecutor, TaskExecutor {
    /// Runs `work` on this executor, after what was given before. Callable from any thread; does not block.
    func execute(_ work: @escaping @Sendable () -> Void)

    /// Runs `work` at `instant` or later, unless cancelled.
    func schedule(at instant: BootInstant, _ work: @escaping @Sendable () -> Void) -> any ScheduledWork

    /// Whether the caller already runs on this executor.
    var isCurrent: Bool { get }
}

/// A handle on scheduled work.
package protocol ScheduledWork: Sendable {
    /// Keeps the work from starting, where it has not started. Harmless afterwards.
    func cancel()
}

/// The executors of one node.
package protocol ExecutorPool: Sendable {
    /// The node's event loops, one a core, never empty. Index = loop number.
    var loops: [any NodeExecutor] { get }

    /// A new executor for blocking work (file writes, syncs, snapshots): a thread of its own in the real environment.
    /// `label` names the thread, at most 15 bytes.
    func makeDedicatedExecutor(label: String) -> any DedicatedExecutor
}

/// A thread for blocking work. Work runs in the order given.
package protocol DedicatedExecutor: Sendable {
    /// Runs `work` after what was given before. Callable from any thread; does not block.
    func execute(_ work: @escaping @Sendable () -> Void)

    /// Runs what was given, then ends the thread. Idempotent. Work given afterwards is dropped.
    func shutDown()
}

extension DedicatedExecutor {
    /// Runs blocking `work` on this executor and resumes with its outcome.
    package func run<Value: Sendable, Failure: Error>(
        _ work: @escaping @Sendable () throws(Failure) -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            execute {
                continuation.resume(with: Result { () throws(Failure) in try work() }.mapError { $0 as any Error })
            }
        }
    }
}
