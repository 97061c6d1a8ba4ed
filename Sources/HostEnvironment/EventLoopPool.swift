// The real executors: NIO's event loops and threads for blocking work.

import NIOCore
package import NIOPosix
package import NodeEnvironment

/// One event loop a core, and dedicated threads on demand. Shut it down before it goes.
package final class EventLoopPool: ExecutorPool {
    package let group: MultiThreadedEventLoopGroup
    package let eventLoops: [EventLoopExecutor]

    package var loops: [any NodeExecutor] { eventLoops }

    /// As many loops as a count of 0 makes.
    package static var cores: Int { System.coreCount }

    /// `count` loops, at least one; 0 takes one a core.
    package init(count: Int) {
        group = MultiThreadedEventLoopGroup(numberOfThreads: count > 0 ? count : System.coreCount)
        var executors: [EventLoopExecutor] = []
        for loop in group.makeIterator() { executors.append(EventLoopExecutor(loop)) }
        eventLoops = executors
    }

    package func makeDedicatedExecutor(label: String) -> any DedicatedExecutor { ThreadExecutor(label: label) }

    package func shutDown() async throws { try await group.shutdownGracefully() }
}
