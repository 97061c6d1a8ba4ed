// Runs the handlers of streaming calls as tasks of one group.

import GRPCFraming

/// Where streaming handlers live: its owner calls `run` in its own task group, as one service of the node. A handler's
/// task is cancelled when its call is over, and every call is ended when its handler returns.
package final class StreamTasks: Sendable {
    package typealias Body = @Sendable (StreamCall) async throws -> Void

    /// A call that is dropped before its turn, because `run` was cancelled, ends as well.
    private final class Work: Sendable {
        let call: StreamCall
        let body: Body

        init(call: StreamCall, body: @escaping Body) {
            self.call = call
            self.body = body
        }

        deinit { call.fail(RPCStatus(.unavailable, "the server stops")) }
    }

    private let limit: Int
    private let waiting: AsyncStream<Work>
    private let queue: AsyncStream<Work>.Continuation

    /// `limit`: calls that run at once, and calls that wait to; those beyond are refused.
    package init(limit: Int) {
        self.limit = max(1, limit)
        (waiting, queue) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(max(1, limit)))
    }

    /// Runs handlers until the task is cancelled, or `shutDown` was called and all have returned. Call it once.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            var running = 0
            for await work in waiting {
                if running == limit, await group.next() != nil { running -= 1 }
                group.addTask(executorPreference: work.call.executor) { await Self.perform(work) }
                running += 1
            }
            // Nobody runs what comes now.
            queue.finish()
            if Task.isCancelled { group.cancelAll() }
        }
    }

    /// Takes no new calls; `run` returns when those under way are over.
    package func shutDown() { queue.finish() }

    /// Runs `body` for `call` on the call's loop. What it throws ends the call: a status as it is, anything else as INTERNAL
    /// by its type's name; a return without an ending is OK.
    package func start(_ call: StreamCall, _ body: @escaping Body) {
        switch queue.yield(Work(call: call, body: body)) {
        case .enqueued: return
        case .terminated: call.fail(RPCStatus(.unavailable, "the server stops"))
        default: call.fail(RPCStatus(.resourceExhausted, "too many streaming calls"))
        }
    }

    private static func perform(_ work: Work) async {
        // Its caller may be gone, or its deadline passed, before it had its turn.
        guard work.call.isLive else { return }
        await withTaskGroup(of: Bool.self) { group in
            group.addTask(executorPreference: work.call.executor) {
                await Self.settle(work)
                return true
            }
            group.addTask(executorPreference: work.call.executor) {
                await work.call.untilEnded()
                return false
            }
            _ = await group.next()
            group.cancelAll()
        }
    }

    private static func settle(_ work: Work) async {
        do {
            try await work.body(work.call)
            work.call.succeed()
        } catch let status as RPCStatus {
            work.call.fail(status)
        } catch is CancellationError {
            work.call.fail(RPCStatus(.cancelled, "the server gave the call up"))
        } catch {
            work.call.fail(RPCStatus(.internal, "\(type(of: error))"))
        }
    }
}
