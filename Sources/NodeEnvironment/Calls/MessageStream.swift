// One streaming call between its application and its transport, on either side of a link.

package import GRPCFraming
import NIOCore
import Synchronization

/// The transport's end of its streams.
package protocol StreamLink: AnyObject, Sendable {
    /// The application did something: call `takeWork` on the loop of the connection. From any thread; not called again
    /// before `takeWork`.
    func onWork(_ stream: MessageStream)
}

/// What the application did since the last time.
package struct StreamWork: Sendable {
    /// Bytes that the reader took.
    package var credit = 0
    /// Bytes of the message that is being put together for the reader.
    package var assembledBytes = 0
    /// Metadata to send before the first message; nil when there is none to send now.
    package var head: CallMetadata?
    /// Messages or the end wait to be read.
    package var hasOutput = false
    /// The application gave the call up.
    package var isCancelled = false
}

/// Messages both ways with back-pressure both ways, and the waiting for them. One task may read and one may send at the
/// same time; a second reader or sender fails. Thread-safe: what is there already is taken without a hop.
package final class MessageStream: Sendable {
    typealias Reading = Result<ByteBuffer?, RPCStatus>
    typealias Sending = Result<Bool, RPCStatus>
    typealias Heading = Result<CallMetadata, RPCStatus>

    struct State {
        var inbound: InboundMessages
        var outbound: OutboundMessages
        var reader: CheckedContinuation<Reading, Never>?
        var sender: CheckedContinuation<Sending, Never>?
        var headReader: CheckedContinuation<Heading, Never>?
        var endWatcher: CheckedContinuation<Void, Never>?
        /// What the other side sent before its first message and after its last one.
        var receivedHead: CallMetadata?
        var trailers = CallMetadata()
        var head: CallMetadata?
        var isHeadDue = false
        var encoding = MessageEncoding.identity
        var isCancelled = false
        /// The transport has let go of the call; nil as a failure is a good end.
        var end: End?
        var isWorkAnnounced = false

        /// Whether the transport is to be told now: there is something, and it was not told before.
        mutating func claimsWork(if isDue: Bool) -> Bool {
            guard isDue, !isWorkAnnounced else { return false }
            isWorkAnnounced = true
            return true
        }
    }

    struct End {
        var failure: RPCStatus?
    }

    /// Names the call to its transport.
    package let number: UInt64
    private let link: any StreamLink
    /// Whether a cancelled task that reads or sends takes the call with it: so on the caller's side.
    private let endsWithTask: Bool
    /// Credit is announced in steps: a part of the sender's window, so that it never runs dry while nobody reads.
    let creditStep: Int
    let state: Mutex<State>

    /// `window`: bytes that the other side may send ahead. `sendLimit`: bytes that wait on this side before a sender does.
    package init(
        number: UInt64, link: any StreamLink, maxReceivedBytes: Int, window: Int, sendLimit: Int, endsWithTask: Bool
    ) {
        self.number = number
        self.link = link
        self.endsWithTask = endsWithTask
        creditStep = max(1, window / 4)
        state = Mutex(
            State(inbound: InboundMessages(limit: maxReceivedBytes), outbound: OutboundMessages(limit: sendLimit)))
    }

    static let cancelled = RPCStatus(.cancelled, "the call was cancelled")

    // MARK: The application's side

    /// The next message; nil once the other side has sent everything.
    func next() async throws(RPCStatus) -> ByteBuffer? {
        let (step, isDue) = state.withLock { state -> (InboundMessages.Step, Bool) in
            guard state.reader == nil else {
                return (.failure(RPCStatus(.internal, "two readers of one stream")), false)
            }
            let step = state.inbound.onNext()
            guard case .wait = step else {
                return (step, state.claimsWork(if: state.inbound.untakenCredit >= creditStep))
            }
            // Not waiting yet: what comes before `wait` must not be handed to nobody.
            state.inbound.onGivenUp()
            // Everything is taken: the sender gets all of it back before this side waits.
            return (step, state.claimsWork(if: state.inbound.untakenCredit > 0))
        }
        if isDue { link.onWork(self) }
        if let reading = Self.reading(step) { return try reading.get() }
        let reading: Reading = await withTaskCancellationHandler {
            await withCheckedContinuation { reader in wait(reader) }
        } onCancel: {
            onTaskCancelled()
        }
        announceCredit()
        return try reading.get()
    }

    /// Something may have come between the first look and this one: a whole window, taken here into a message that needs
    /// more. A reader that is stored owes the sender all that was taken, since nothing else would give it back.
    private func wait(_ reader: CheckedContinuation<Reading, Never>) {
        let (reading, isDue) = state.withLock { state -> (Reading?, Bool) in
            guard state.reader == nil else {
                return (.failure(RPCStatus(.internal, "two readers of one stream")), false)
            }
            if let known = Self.reading(state.inbound.onNext()) { return (known, false) }
            guard !Task.isCancelled else {
                state.inbound.onGivenUp()
                return (.failure(Self.cancelled), false)
            }
            state.reader = reader
            return (nil, state.claimsWork(if: state.inbound.untakenCredit > 0))
        }
        if let reading { reader.resume(returning: reading) }
        if isDue { link.onWork(self) }
    }

    /// Queues `message`; returns once less than the limit waits. False: the other side has ended the call well and takes
    /// no more. `isCompressed` compresses it where the other side can read that and it becomes smaller.
    func send(_ message: ByteBuffer, isCompressed: Bool) async throws(RPCStatus) -> Bool {
        let (payload, isPacked) = packed(message, isCompressed)
        let (step, isDue) = state.withLock { state -> (OutboundMessages.Step, Bool) in
            guard state.sender == nil else {
                return (.failure(RPCStatus(.internal, "two senders on one stream")), false)
            }
            // A transport that has not read what is queued already comes back by itself.
            let wasEmpty = state.outbound.queuedBytes == 0
            let step = state.outbound.onSend(payload, isCompressed: isPacked)
            return (step, state.claimsWork(if: wasEmpty && state.outbound.queuedBytes > 0))
        }
        if isDue { link.onWork(self) }
        guard step == .wait else { return try Self.sending(step).get() }
        let sending: Sending = await withTaskCancellationHandler {
            await withCheckedContinuation { sender in wait(sender) }
        } onCancel: {
            onTaskCancelled()
        }
        return try sending.get()
    }

    private func packed(_ message: ByteBuffer, _ isCompressed: Bool) -> (ByteBuffer, Bool) {
        guard isCompressed, state.withLock(\.encoding) == .gzip, let packed = MessageDeflater.deflate(message) else {
            return (message, false)
        }
        return (packed, true)
    }

    private func wait(_ sender: CheckedContinuation<Sending, Never>) {
        let sending = state.withLock { state -> Sending? in
            guard state.sender == nil else { return .failure(RPCStatus(.internal, "two senders on one stream")) }
            if let step = state.outbound.settled() { return Self.sending(step) }
            if Task.isCancelled { return .failure(Self.cancelled) }
            state.sender = sender
            return nil
        }
        if let sending { sender.resume(returning: sending) }
    }

    /// What the other side said before its first message.
    func receivedHead() async throws(RPCStatus) -> CallMetadata {
        let heading: Heading = await withTaskCancellationHandler {
            await withCheckedContinuation { reader in
                let known = state.withLock { state -> Heading? in
                    if let head = state.receivedHead { return .success(head) }
                    if let end = state.end { return .failure(end.failure ?? Self.cancelled) }
                    guard state.headReader == nil, !Task.isCancelled else { return .failure(Self.cancelled) }
                    state.headReader = reader
                    return nil
                }
                if let known { reader.resume(returning: known) }
            }
        } onCancel: {
            onTaskCancelled()
        }
        return try heading.get()
    }

    var trailers: CallMetadata { state.withLock(\.trailers) }

    var wasCompressed: Bool { state.withLock(\.inbound.wasCompressed) }

    /// Metadata to send before the first message. Only before it: false afterwards.
    @discardableResult
    func sendHead(_ metadata: CallMetadata) -> Bool {
        let isFirst = state.withLock { state in
            guard state.head == nil else { return false }
            state.head = metadata
            state.isHeadDue = true
            return true
        }
        if isFirst { announce() }
        return isFirst
    }

    func finish(_ ending: StreamEnding) {
        if state.withLock({ $0.outbound.onFinish(ending) }) { announce() }
    }

    /// Gives the call up.
    func cancel() {
        let isFirst = state.withLock { state in
            guard state.end == nil, !state.isCancelled else { return false }
            state.isCancelled = true
            return true
        }
        guard isFirst else { return }
        stop(Self.cancelled, isEnd: false, input: .drops)
        announce()
    }

    /// Returns when the transport has let go of the call, or the task is cancelled.
    func untilEnded() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { watcher in
                let isOver = state.withLock { state in
                    guard state.end == nil, state.endWatcher == nil, !Task.isCancelled else { return true }
                    state.endWatcher = watcher
                    return false
                }
                if isOver { watcher.resume() }
            }
        } onCancel: {
            state.withLock { $0.endWatcher.take() }?.resume()
        }
    }

    /// Whether the transport still holds the call.
    package var isLive: Bool { state.withLock { $0.end == nil && !$0.isCancelled } }

    private func onTaskCancelled() {
        guard !endsWithTask else { return cancel() }
        let (reader, sender, headReader) = state.withLock { state in
            state.inbound.onGivenUp()
            return (state.reader.take(), state.sender.take(), state.headReader.take())
        }
        reader?.resume(returning: .failure(Self.cancelled))
        sender?.resume(returning: .failure(Self.cancelled))
        headReader?.resume(returning: .failure(Self.cancelled))
    }

    // MARK: Telling the transport

    /// Tells the transport of bytes that the reader took, where they are worth it.
    func announceCredit() {
        if state.withLock({ $0.claimsWork(if: $0.inbound.untakenCredit >= creditStep) }) { link.onWork(self) }
    }

    private func announce() {
        if state.withLock({ $0.claimsWork(if: true) }) { link.onWork(self) }
    }

    static func reading(_ step: InboundMessages.Step) -> Reading? {
        switch step {
        case .message(let message): .success(message)
        case .end: .success(nil)
        case .failure(let status): .failure(status)
        case .wait: nil
        }
    }

    static func sending(_ step: OutboundMessages.Step) -> Sending {
        switch step {
        case .sent, .wait: .success(true)
        case .closed: .success(false)
        case .failure(let status): .failure(status)
        }
    }
}
