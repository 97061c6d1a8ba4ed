// A thread of its own for blocking work.

import NIOPosix
import NodeEnvironment

/// One thread with a queue. What is queued is bounded by the callers: the journal bounds its backlog by bytes, snapshots
/// are one a shard.
final class ThreadExecutor: DedicatedExecutor {
    private let pool: NIOThreadPool

    init(label: String) {
        pool = NIOThreadPool(numberOfThreads: 1)
        pool.start()
    }

    func execute(_ work: @escaping @Sendable () -> Void) {
        pool.submit { _ in work() }
    }

    func shutDown() {
        // The last job ends the thread, so that what was given before still runs: the journal's last group must reach
        // the disk.
        pool.submit { [pool] _ in pool.shutdownGracefully { _ in } }
    }
}
