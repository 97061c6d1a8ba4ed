// What a transport tells a stream, and what it asks of it. All of it on the loop of the connection.

package import GRPCFraming
import Synchronization

extension MessageStream {
    // MARK: From the other side

    /// How the other side compresses, and whether it reads gzip. Before the first bytes.
    package func onEncodings(received: MessageEncoding, accepted: MessageEncoding) {
        state.withLock { state in
            state.inbound.onEncoding(received)
            state.encoding = accepted
        }
    }

    /// Bytes of messages arrived. How many bytes of a message are put together now that is not whole yet.
    @discardableResult
    package func onBytes(_ bytes: Span<UInt8>) -> Int {
        let (reader, reading, assembledBytes) = state.withLock { state in
            let (reader, reading) = deliver(state.inbound.onBytes(bytes), &state)
            return (reader, reading, state.inbound.assembledBytes)
        }
        if let reading { reader?.resume(returning: reading) }
        announceCredit()
        return assembledBytes
    }

    /// Metadata that came before the first message.
    package func onHead(_ metadata: CallMetadata) {
        let reader = state.withLock { state in
            if state.receivedHead == nil { state.receivedHead = metadata }
            return state.headReader.take()
        }
        reader?.resume(returning: .success(metadata))
    }

    /// The caller will send no more messages (server).
    package func onInputEnd() {
        let (reader, reading) = state.withLock { state in deliver(state.inbound.onEnd(), &state) }
        if let reading { reader?.resume(returning: reading) }
    }

    /// The server has ended the call (caller): what it sent before is still read, and then the end. Sending is over: it
    /// fails with `failure`, or says that nobody listens.
    package func onAnswered(failure: RPCStatus?, trailers: CallMetadata) {
        stop(failure, isEnd: true, input: .ends(trailers))
    }

    /// The transport lets go of the call. A failure ends reading and sending at once; without one, what has arrived is
    /// still read, and sending says that nobody listens.
    package func onClosed(failure: RPCStatus?) {
        stop(failure, isEnd: true, input: failure == nil ? .stays : .drops)
    }

    /// What becomes of messages that have arrived when a call is over.
    enum InputFate {
        case stays
        case drops
        case ends(CallMetadata)
    }

    /// Ends waiting on every side, in one step: who is told of one end sees the others.
    func stop(_ failure: RPCStatus?, isEnd: Bool, input: InputFate) {
        let (waiters, reading) = state.withLock { state in
            let (reader, reading) = deliver(Self.end(failure, input, &state), &state)
            state.outbound.onClosed(failure)
            if isEnd, state.end == nil { state.end = End(failure: failure) }
            let watcher = isEnd ? state.endWatcher.take() : nil
            return (Waiters(reader, state.sender.take(), state.headReader.take(), watcher), reading)
        }
        if let reading { waiters.reader?.resume(returning: reading) }
        waiters.sender?.resume(returning: failure.map { .failure($0) } ?? .success(false))
        waiters.headReader?.resume(returning: .failure(failure ?? Self.cancelled))
        waiters.endWatcher?.resume()
    }

    private static func end(
        _ failure: RPCStatus?, _ input: InputFate, _ state: inout State
    ) -> InboundMessages.Step? {
        switch input {
        case .stays: return nil
        case .drops: return failure.flatMap { state.inbound.onFailed($0) }
        case .ends(let trailers):
            state.trailers = trailers
            return state.inbound.onEnd(failure: failure)
        }
    }

    /// Takes the reader out of the state where there is something for it.
    private func deliver(
        _ step: InboundMessages.Step?, _ state: inout State
    ) -> (CheckedContinuation<Reading, Never>?, Reading?) {
        guard let step, let reading = Self.reading(step) else { return (nil, nil) }
        return (state.reader.take(), reading)
    }

    private struct Waiters {
        let reader: CheckedContinuation<Reading, Never>?
        let sender: CheckedContinuation<Sending, Never>?
        let headReader: CheckedContinuation<Heading, Never>?
        let endWatcher: CheckedContinuation<Void, Never>?

        init(
            _ reader: CheckedContinuation<Reading, Never>?, _ sender: CheckedContinuation<Sending, Never>?,
            _ headReader: CheckedContinuation<Heading, Never>?, _ endWatcher: CheckedContinuation<Void, Never>?
        ) {
            self.reader = reader
            self.sender = sender
            self.headReader = headReader
            self.endWatcher = endWatcher
        }
    }

    // MARK: To the other side

    /// What the application did since the last time.
    package func takeWork() -> StreamWork {
        state.withLock { state in
            state.isWorkAnnounced = false
            var work = StreamWork()
            work.credit = state.inbound.takeCredit()
            work.assembledBytes = state.inbound.assembledBytes
            work.hasOutput = state.outbound.queuedBytes > 0 || state.outbound.ending != nil
            work.isCancelled = state.isCancelled
            if state.isHeadDue || (work.hasOutput && state.head == nil) {
                state.isHeadDue = false
                state.head = state.head ?? CallMetadata()
                work.head = state.head
            }
            return work
        }
    }

    /// How the application ended, once everything before the end was read. Nil while there is more, or may be.
    package var exhaustedBy: StreamEnding? { state.withLock { $0.outbound.isExhausted ? $0.outbound.ending : nil } }

    /// Bytes that wait to be read.
    package var unsentBytes: Int { state.withLock(\.outbound.queuedBytes) }

    /// Moves the next bytes of messages into `target`; lets a sender go on where there is room again. With them the
    /// ending, once these are the last bytes.
    package func readOutput(into target: UnsafeMutableRawBufferPointer) -> (count: Int, ending: StreamEnding?) {
        let (count, ending, sender) = state.withLock { state in
            let count = unsafe state.outbound.read(into: target)
            let ending = state.outbound.isExhausted ? state.outbound.ending : nil
            return (count, ending, state.outbound.hasRoom ? state.sender.take() : nil)
        }
        sender?.resume(returning: .success(true))
        return (count, ending)
    }
}
