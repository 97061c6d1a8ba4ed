// Operators' requests wait here for the one task that serves them. The node runs `run()` in its task group, so no task
// is without an owner, and a burst of requests is bounded.

import ClusterModel

/// One queue for calls and pages. Work is served in order, one at a time: operators' questions walk all shards.
package final class OperatorQueue: Sendable {
    typealias Work = @Sendable () async -> Void

    /// Requests that wait; further ones are refused.
    package static let capacity = 32

    private let stream: AsyncStream<Work>
    private let continuation: AsyncStream<Work>.Continuation

    package init() {
        (stream, continuation) = AsyncStream.makeStream(of: Work.self, bufferingPolicy: .bufferingOldest(Self.capacity))
    }

    /// False when the queue is full or `run` has ended: `work` is dropped then.
    func enqueue(_ work: @escaping Work) -> Bool {
        switch continuation.yield(work) {
        case .enqueued: true
        case .dropped, .terminated: false
        @unknown default: false
        }
    }

    /// Serves until the task is cancelled. Call once.
    package func run() async {
        for await work in stream {
            await work()
            if Task.isCancelled { break }
        }
        continuation.finish()
    }
}
