// The caller's side of a link, from any task.

import ClusterModel
import GRPCFraming
import NIOCore
import NodeEnvironment
import Synchronization

/// A channel to one endpoint: many calls on one connection. Commands from other threads wait in a mailbox, and the first
/// of them wakes the loop for all.
final class ClientChannel: CallChannel {
    private enum Command: Sendable {
        case start(ClientCallID, ClientRequest, ClientCall.Waiter)
        case cancel(ClientCallID)
    }

    private let link: NIOLoopBoundBox<ClientLink>
    private let loop: any EventLoop
    private let maxCallsUnderWay: Int
    private let callsUnderWay = Atomic<Int>(0)
    private let isClosed = Atomic<Bool>(false)
    private let nextID = Atomic<UInt64>(0)
    /// At most two commands for each of `maxCallsUnderWay` calls.
    private let mailbox = Mutex<[Command]>([])

    init(link: sending ClientLink, loop: any EventLoop, limits: TransportLimits) {
        self.link = NIOLoopBoundBox.makeBoxSendingValue(link, eventLoop: loop)
        self.loop = loop
        maxCallsUnderWay = limits.maxCallsUnderWay
    }

    deinit {
        // A channel that nobody holds must not keep its connection. After `close` the loop may be gone.
        guard !isClosed.load(ordering: .acquiring) else { return }
        loop.execute { [link] in _ = link.value.close() }
    }

    func unary(
        path: String, message: ByteBuffer, metadata: CallMetadata, deadline: BootInstant?
    ) async throws(RPCStatus) -> UnaryReply {
        guard !isClosed.load(ordering: .acquiring) else {
            throw RPCStatus(.unavailable, "the channel is closed")
        }
        guard callsUnderWay.wrappingAdd(1, ordering: .relaxed).newValue <= maxCallsUnderWay else {
            callsUnderWay.wrappingSubtract(1, ordering: .relaxed)
            throw RPCStatus(.resourceExhausted, "more than \(maxCallsUnderWay) calls under way on one channel")
        }
        defer { callsUnderWay.wrappingSubtract(1, ordering: .relaxed) }
        let id = ClientCallID(rawValue: nextID.wrappingAdd(1, ordering: .relaxed).newValue)
        let request = ClientRequest(path: path, message: message, metadata: metadata, deadline: deadline)
        let outcome: ClientCallState.Outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                submit(.start(id, request, waiter))
                // A cancellation that came before the start found nothing to cancel.
                if Task.isCancelled { submit(.cancel(id)) }
            }
        } onCancel: {
            submit(.cancel(id))
        }
        return try outcome.get()
    }

    func close() async {
        guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        let promise = loop.makePromise(of: Void.self)
        loop.execute { [link] in link.value.close().cascade(to: promise) }
        // Fails only when the loop is gone, and then the connections are too.
        try? await promise.futureResult.get()
    }

    private func submit(_ command: Command) {
        if loop.inEventLoop { return run(command) }
        let isFirst = mailbox.withLock { waiting in
            waiting.append(command)
            return waiting.count == 1
        }
        if isFirst { loop.execute { self.deliver() } }
    }

    private func deliver() {
        let commands = mailbox.withLock { waiting in
            let taken = waiting
            waiting = []
            return taken
        }
        for command in commands { run(command) }
    }

    private func run(_ command: Command) {
        switch command {
        case .start(let id, let request, let waiter): link.value.start(id, request, waiter)
        case .cancel(let id): link.value.cancel(id)
        }
    }
}
