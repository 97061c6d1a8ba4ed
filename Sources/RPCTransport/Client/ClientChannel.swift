// The caller's side of a link, from any task.

import ClusterModel
import GRPCFraming
import HTTP2Engine
import NIOCore
import NodeEnvironment
import Synchronization

/// A channel to one endpoint: many calls on one connection. Commands from other threads wait in a mailbox, and the first
/// of them wakes the loop for all.
final class ClientChannel: EndpointChannel, StreamLink {
    private enum Command: Sendable {
        case start(ClientCallID, ClientRequest, UnaryClientCall.Waiter)
        case cancel(ClientCallID)
        case stream(ClientCallID, ClientCallHead, MessageStream)
        case work(ClientCallID)
        case connect(ClientCallID, BootInstant?, ConnectionProbe.Waiter)
    }

    private let link: NIOLoopBoundBox<ClientLink>
    private let loop: any EventLoop
    private let limits: TransportLimits
    private let callsUnderWay = CallCount()
    private let isClosed = Atomic<Bool>(false)
    private let nextID = Atomic<UInt64>(0)
    /// At most three commands for each of `maxCallsUnderWay` calls.
    private let mailbox = Mutex<[Command]>([])

    init(link: sending ClientLink, loop: any EventLoop, limits: TransportLimits) {
        self.link = NIOLoopBoundBox.makeBoxSendingValue(link, eventLoop: loop)
        self.loop = loop
        self.limits = limits
    }

    deinit {
        // A channel that nobody holds must not keep its connection. After `close` the loop may be gone.
        guard !isClosed.load(ordering: .acquiring) else { return }
        loop.execute { [link] in _ = link.value.close() }
    }

    func unary(
        path: String, message: ByteBuffer, metadata: CallMetadata, deadline: BootInstant?
    ) async throws(RPCStatus) -> UnaryReply {
        let id = try enter()
        defer { callsUnderWay.count.wrappingSubtract(1, ordering: .relaxed) }
        let request = ClientRequest(
            head: ClientCallHead(path: path, metadata: metadata, deadline: deadline), message: message)
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

    func stream(
        path: String, metadata: CallMetadata, deadline: BootInstant?, encoding: MessageEncoding
    ) throws(RPCStatus) -> ClientStream {
        let id = try enter()
        let messages = MessageStream(
            number: id.rawValue, link: self, maxReceivedBytes: limits.maxReplyBytes,
            window: Int(limits.http2.streamWindow), sendLimit: limits.maxQueuedStreamBytes, endsWithTask: true)
        messages.onEncodings(received: .identity, accepted: encoding)
        var head = ClientCallHead(path: path, metadata: metadata, deadline: deadline)
        head.encoding = encoding
        submit(.stream(id, head, messages))
        return ClientStream(messages)
    }

    func connect(by deadline: BootInstant?) async throws(RPCStatus) {
        let id = try enter()
        defer { callsUnderWay.count.wrappingSubtract(1, ordering: .relaxed) }
        let failure: RPCStatus? = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                submit(.connect(id, deadline, waiter))
                if Task.isCancelled { submit(.cancel(id)) }
            }
        } onCancel: {
            submit(.cancel(id))
        }
        if let failure { throw failure }
    }

    func onWork(_ stream: MessageStream) { submit(.work(ClientCallID(rawValue: stream.number))) }

    private func enter() throws(RPCStatus) -> ClientCallID {
        guard !isClosed.load(ordering: .acquiring) else {
            throw RPCStatus(.unavailable, "the channel is closed")
        }
        guard callsUnderWay.count.wrappingAdd(1, ordering: .relaxed).newValue <= limits.maxCallsUnderWay else {
            callsUnderWay.count.wrappingSubtract(1, ordering: .relaxed)
            throw RPCStatus(.resourceExhausted, "more than \(limits.maxCallsUnderWay) calls under way on one channel")
        }
        return ClientCallID(rawValue: nextID.wrappingAdd(1, ordering: .relaxed).newValue)
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
        case .start(let id, let request, let waiter):
            link.value.start(
                UnaryClientCall(id: id, request: request, waiter: waiter, maxMessageBytes: limits.maxReplyBytes))
        case .cancel(let id): link.value.cancel(id)
        case .stream(let id, let head, let messages):
            link.value.start(
                StreamingClientCall(id: id, head: head, messages: messages) { [callsUnderWay] in
                    callsUnderWay.count.wrappingSubtract(1, ordering: .relaxed)
                })
        case .work(let id): link.value.work(id)
        case .connect(let id, let deadline, let waiter):
            link.value.start(ConnectionProbe(id: id, deadline: deadline, waiter: waiter))
        }
    }
}

/// How many calls of a channel are under way; a stream gives its place back when it is over.
private final class CallCount: Sendable {
    let count = Atomic<Int>(0)
}
