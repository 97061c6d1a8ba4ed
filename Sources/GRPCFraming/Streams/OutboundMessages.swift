// The messages of a stream on their way out: a pure state machine between one sender and a connection.

package import NIOCore

/// How the application ended its side of a stream.
package enum StreamEnding: Hashable, Sendable {
    /// A caller has sent everything; a server has answered OK.
    case success(trailers: CallMetadata)
    case failure(RPCStatus)
}

/// Queues messages as bytes until the connection takes them. A sender waits while more than `limit` bytes are queued, so
/// that the queue holds at most `limit` bytes and one message.
package struct OutboundMessages: Sendable {
    package enum Step: Hashable, Sendable {
        case sent
        /// Queued, but above the limit: `read` will tell when there is room.
        case wait
        /// The other side takes no more messages, as the call went well without them.
        case closed
        case failure(RPCStatus)
    }

    /// Messages up to this size are copied behind one another; larger ones are queued as they are.
    package static let maxCopiedBytes = 4_096
    private static let maxPartBytes = 32 << 10

    private let limit: Int
    private var parts: [ByteBuffer] = []
    private var first = 0
    private var isLastOurs = false
    private(set) package var queuedBytes = 0
    private(set) package var ending: StreamEnding?
    private var outcome: Step?

    package init(limit: Int) { self.limit = limit }

    /// Whether a sender that waits may go on.
    package var hasRoom: Bool { queuedBytes <= limit }

    /// Whether everything is read and the application has ended.
    package var isExhausted: Bool { ending != nil && queuedBytes == 0 }

    /// Queues a message. `isCompressed` sets the message's flag.
    package mutating func onSend(_ message: ByteBuffer, isCompressed: Bool = false) -> Step {
        if let outcome { return outcome }
        guard ending == nil else { return .failure(RPCStatus(.internal, "a message after the end of the stream")) }
        append(message, isCompressed: isCompressed)
        return hasRoom ? .sent : .wait
    }

    /// The application has ended. The first ending counts; false for a second one.
    package mutating func onFinish(_ ending: StreamEnding) -> Bool {
        guard self.ending == nil, outcome == nil else { return false }
        self.ending = ending
        return true
    }

    /// The call is over: nothing more is sent. Nil is a call that went well.
    package mutating func onClosed(_ failure: RPCStatus?) {
        guard outcome == nil else { return }
        outcome = failure.map { .failure($0) } ?? .closed
        drop()
    }

    /// What a sender who waited is told, once it may go on; nil while it must wait.
    package func settled() -> Step? { outcome ?? (hasRoom ? .sent : nil) }

    /// Drops what was not read.
    package mutating func drop() {
        parts = []
        first = 0
        isLastOurs = false
        queuedBytes = 0
    }

    /// Moves the next bytes into `target` and returns how many. Complexity: O(bytes).
    package mutating func read(into target: UnsafeMutableRawBufferPointer) -> Int {
        let total = min(queuedBytes, target.count)
        var filled = 0
        while filled < total {
            let count = min(parts[first].readableBytes, total - filled)
            unsafe parts[first].withUnsafeReadableBytes { source in
                unsafe UnsafeMutableRawBufferPointer(rebasing: target[filled..<filled + count])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<count]))
            }
            parts[first].moveReaderIndex(forwardBy: count)
            filled += count
            if parts[first].readableBytes == 0 { onPartRead() }
        }
        queuedBytes -= filled
        return filled
    }

    private mutating func onPartRead() {
        if first == parts.count - 1, isLastOurs {
            // The last part's memory is used again.
            parts[first].clear()
            if first > 0 { parts.removeFirst(first) }
            first = 0
            return
        }
        parts[first] = ByteBuffer()
        first += 1
        guard first == parts.count || first >= 32 else { return }
        parts.removeFirst(first)
        first = 0
    }

    private mutating func append(_ message: ByteBuffer, isCompressed: Bool) {
        let count = message.readableBytes
        queuedBytes += MessagePrefix.byteCount + count
        if !isLastOurs || parts[parts.count - 1].writerIndex > Self.maxPartBytes {
            parts.append(ByteBuffer())
            isLastOurs = true
        }
        parts[parts.count - 1].writeInteger(isCompressed ? 1 : 0, as: UInt8.self)
        parts[parts.count - 1].writeInteger(UInt32(clamping: count))
        if count <= Self.maxCopiedBytes {
            parts[parts.count - 1].writeImmutableBuffer(message)
        } else {
            parts.append(message)
            isLastOurs = false
        }
    }
}
