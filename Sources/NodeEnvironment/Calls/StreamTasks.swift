// Runs the handlers of streaming calls as tasks of one group.

import GRPCFraming
import Synchronization

/// Where streaming handlers live: its owner calls `run` in its own task group, as one service of the node. A handler's
/// task is cancelled when its call is over, and every call is ended when its handler returns.
package final class StreamTasks: Sendable {
    package typealias Body = @Sendable (StreamCall) async throws -> Void

    /// A call that is dropped before its turn, because `run` was cancelled, ends as well.
    private final class Work: Sendable {
        let call: StreamCall
        let body: Body
        private let shares: Shares

        init(call: StreamCall, body: @escaping Body, shares: Shares) {
            self.call = call
            self.body = body
            self.shares = shares
        }

        deinit {
            shares.held.withLock { $0.giveBack(call.peer.payer) }
            call.fail(RPCStatus(.unavailable, "the server stops"))
        }
    }

    /// What callers hold of the calls that run or wait.
    private final class Shares: Sendable {
        let held: Mutex<CallerShares>

        init(limit: Int) { held = Mutex(CallerShares(limit: limit)) }
    }

    private let limit: Int
    private let shares: Shares
    private let waiting: AsyncStream<Work>
    private let queue: AsyncStream<Work>.Continuation

    /// `limit`: calls that run at once, and calls that wait to; those beyond are refused. `callerLimit`: what one caller
    /// may have of both together, so that one who opens all it can leaves room for the others; nil: everything.
    package init(limit: Int, callerLimit: Int? = nil) {
        self.limit = max(1, limit)
        shares = Shares(limit: callerLimit ?? .max)
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
        guard shares.held.withLock({ $0.take(call.peer.payer) }) else {
            return call.fail(
                RPCStatus(.resourceExhausted, "this client has its share of streaming calls under way already"))
        }
        switch queue.yield(Work(call: call, body: body, shares: shares)) {
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
