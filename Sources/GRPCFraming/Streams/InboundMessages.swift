// The messages of a stream on their way in: a pure state machine between a connection's bytes and one reader.

package import NIOCore

/// Keeps bytes as they came and cuts one message at a time, when the reader asks. So what waits is bounded in bytes by
/// the flow-control window, however small the messages are; and the sender is granted new bytes only as the reader takes
/// messages. A message larger than the window passes, because its bytes count as taken while the reader waits for it.
package struct InboundMessages: Sendable {
    /// What a reader gets.
    package enum Step: Hashable, Sendable {
        case message(ByteBuffer)
        /// The sender has sent everything.
        case end
        /// Nothing yet: `onBytes`, `onEnd` or `onFailed` will tell.
        case wait
        case failure(RPCStatus)
    }

    private enum Phase: Hashable {
        case open
        /// No more bytes come; nil is a good end.
        case ended(RPCStatus?)
        /// Nothing more is delivered.
        case failed(RPCStatus)
    }

    private var phase = Phase.open
    private var decoder: MessageDecoder
    private let inflater: MessageInflater
    /// Bytes that nobody asked for yet.
    private var waiting = ByteBuffer()
    private var message = ByteBuffer()
    private var isAwaited = false
    private var credit = 0
    /// Whether the message that was given out last came compressed.
    package private(set) var wasCompressed = false

    /// `limit` bounds one message, also once it is inflated.
    package init(limit: Int) {
        decoder = MessageDecoder(limit: limit)
        inflater = MessageInflater(limit: limit)
    }

    /// How the sender compresses messages that say so. Before the first byte.
    package mutating func onEncoding(_ encoding: MessageEncoding) { decoder.encoding = encoding }

    /// Bytes that wait for the reader.
    package var waitingBytes: Int { waiting.readableBytes }

    /// Bytes of the message that is being put together.
    package var assembledBytes: Int { message.readableBytes }

    /// Bytes that the reader has taken since the last `takeCredit`: the sender may send as many more.
    package var untakenCredit: Int { credit }

    package mutating func takeCredit() -> Int {
        defer { credit = 0 }
        return credit
    }

    /// The reader asks for the next message. Complexity: O(message).
    package mutating func onNext() -> Step {
        if case .failed(let status) = phase { return .failure(status) }
        var bytes = ByteBuffer()
        swap(&bytes, &waiting)
        var offset = 0
        let step = advance(over: bytes.readableBytesUInt8Span, &offset)
        bytes.moveReaderIndex(forwardBy: offset)
        if bytes.readableBytes == 0 { bytes.clear() }
        swap(&bytes, &waiting)
        return settle(step)
    }

    /// Bytes arrived. What a reader who waits gets of them; nil when nobody waits or it is not enough yet.
    package mutating func onBytes(_ bytes: Span<UInt8>) -> Step? {
        guard phase == .open else { return nil }
        var offset = 0
        let step = isAwaited ? settle(advance(over: bytes, &offset)) : .wait
        if offset < bytes.count, phase == .open {
            // Room in front is used again before the buffer grows.
            if waiting.writableBytes < bytes.count - offset { waiting.discardReadBytes() }
            unsafe waiting.writeBytes(bytes.extracting(offset...).bytes)
        }
        return step == .wait ? nil : step
    }

    /// The sender has ended, well or with `failure`; what came before is still delivered.
    package mutating func onEnd(failure: RPCStatus? = nil) -> Step? {
        guard phase == .open else { return nil }
        phase = .ended(failure)
        return isAwaited ? onNext() : nil
    }

    /// The call is over for a reason that makes earlier messages worthless.
    package mutating func onFailed(_ status: RPCStatus) -> Step? {
        if case .failed = phase { return nil }
        phase = .failed(status)
        waiting = ByteBuffer()
        message = ByteBuffer()
        defer { isAwaited = false }
        return isAwaited ? .failure(status) : nil
    }

    /// The reader does not wait any more.
    package mutating func onGivenUp() { isAwaited = false }

    /// Cuts the next message out of `bytes`; what was used of them counts as taken.
    private mutating func advance(over bytes: Span<UInt8>, _ offset: inout Int) -> Step {
        defer { credit += offset }
        do throws(FramingError) {
            guard try decoder.decode(bytes, from: &offset, into: &message) else { return .wait }
            wasCompressed = decoder.isCompressed
            var whole = ByteBuffer()
            swap(&whole, &message)
            return .message(decoder.isCompressed ? try inflater.inflate(whole, decoder.encoding) : whole)
        } catch {
            return .failure(error.status)
        }
    }

    private mutating func settle(_ step: Step) -> Step {
        isAwaited = false
        switch (step, phase) {
        case (.wait, .ended(let failure)):
            if let failure { return .failure(failure) }
            guard decoder.isInsideMessage else { return .end }
            return fail(RPCStatus(.internal, "the last message is cut short"))
        case (.wait, _):
            isAwaited = true
            return .wait
        case (.failure(let status), _): return fail(status)
        case (.message, _), (.end, _): return step
        }
    }

    private mutating func fail(_ status: RPCStatus) -> Step {
        phase = .failed(status)
        waiting = ByteBuffer()
        return .failure(status)
    }
}
