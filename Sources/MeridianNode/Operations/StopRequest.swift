// That the node is to end, whoever wants it: said once, from any thread, known everywhere at once.

import Synchronization

/// Standing from the first `request` on. Thread-safe.
final class StopRequest: Sendable {
    private struct State {
        var isRequested = false
        var listeners: [@Sendable () -> Void] = []
        var failure: (any Error)?
    }

    private let state = Mutex(State())
    /// Read once a batch by a start that replays.
    private let flag = Atomic<Bool>(false)

    var isRequested: Bool { flag.load(ordering: .acquiring) }

    /// Why the node ends by itself; nil where somebody asked it to, or did first.
    var failure: (any Error)? { state.withLock(\.failure) }

    /// The node cannot go on: it ends as it would at a request, and says why then. Who asked first is believed.
    func fail(_ error: any Error) {
        state.withLock { state in
            if !state.isRequested, state.failure == nil { state.failure = error }
        }
        request()
    }

    /// Tells all listeners. Idempotent; does not block as long as they do not.
    func request() {
        let listeners = state.withLock { state in
            flag.store(true, ordering: .releasing)
            state.isRequested = true
            defer { state.listeners = [] }
            return state.listeners
        }
        for listener in listeners { listener() }
    }

    /// Runs `listener` once, on the thread that requests; at once where that was before. A node has a handful of them.
    func onRequest(_ listener: @escaping @Sendable () -> Void) {
        let isLate = state.withLock { state in
            if !state.isRequested { state.listeners.append(listener) }
            return state.isRequested
        }
        if isLate { listener() }
    }

    /// Returns at the request, or when the task is cancelled.
    func untilRequested() async {
        let (signals, source) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        onRequest { source.finish() }
        for await _ in signals {}
    }

    /// Runs a part of the start: cancelled at the request, and then a CancellationError whatever it threw; what it made all
    /// the same is returned, and is the caller's to take down.
    func unlessRequested<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        guard !isRequested else { throw CancellationError() }
        do {
            return try await withThrowingTaskGroup(of: Value?.self) { group in
                group.addTask { try await body() }
                group.addTask { [self] in
                    await untilRequested()
                    return nil
                }
                while let finished = try await group.next() {
                    group.cancelAll()
                    if let finished { return finished }
                }
                throw CancellationError()
            }
        } catch {
            if isRequested { throw CancellationError() }
            throw error
        }
    }
}
