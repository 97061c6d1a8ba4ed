// A NIO event loop as a node's executor.

package import ClusterModel
package import NIOCore
package import NodeEnvironment

/// Actors, tasks and closures of one loop. Jobs run in the order in which they were given.
package final class EventLoopExecutor: NodeExecutor {
    package let eventLoop: any EventLoop

    package init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    package func execute(_ work: @escaping @Sendable () -> Void) { eventLoop.execute(work) }

    package func schedule(
        at instant: BootInstant, _ work: @escaping @Sendable () -> Void
    ) -> any ScheduledWork {
        let wait = instant.since(HostClock().bootTime()).signedNanoseconds
        return TimerWork(scheduled: eventLoop.scheduleTask(in: .nanoseconds(max(0, wait)), work))
    }

    package var isCurrent: Bool { eventLoop.inEventLoop }

    package func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        eventLoop.execute { unsafe unowned.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        unsafe UnownedSerialExecutor(complexEquality: self)
    }

    package func isSameExclusiveExecutionContext(other: EventLoopExecutor) -> Bool { eventLoop === other.eventLoop }

    package func checkIsolated() { eventLoop.preconditionInEventLoop() }

    package func isIsolatingCurrentContext() -> Bool? { eventLoop.inEventLoop }
}

private struct TimerWork: ScheduledWork {
    let scheduled: Scheduled<Void>

    func cancel() { scheduled.cancel() }
}
