// HTTP/2 sessions: frames, header blocks, and answers to a client.

import HTTP2Engine
import NIOCore

/// Answers every request, and counts what opens and closes.
private final class AnsweringSink: HTTP2EventSink {
    private let session: HTTP2Session
    private(set) var opened = 0
    private(set) var closed = 0

    init(_ session: HTTP2Session) { self.session = session }

    func onStreamOpened(_ stream: HTTP2StreamKey) { opened += 1 }

    func onHeader(_ stream: HTTP2StreamKey, name: Span<UInt8>, value: Span<UInt8>) {}

    func onHeadersEnd(_ stream: HTTP2StreamKey, isTruncated: Bool) {}

    func onData(_ stream: HTTP2StreamKey, _ bytes: Span<UInt8>) { session.consume(stream, bytes.count) }

    func onEnd(_ stream: HTTP2StreamKey) {
        guard session.role == .server else { return }
        var head = HTTP2HeaderBlock()
        head.append(":status", "200")
        var trailers = HTTP2HeaderBlock()
        trailers.append("grpc-status", "0")
        _ = session.submitResponse(
            stream, head, body: HTTP2Body(ByteBuffer(repeating: 1, count: 64)), trailers: trailers)
    }

    func onClosed(_ stream: HTTP2StreamKey, code: HTTP2ErrorCode) { closed += 1 }

    func onGoAway(code: HTTP2ErrorCode) {}

    func onPingAnswered() {}
}

/// Feeds a session and checks that it answers within bounds and forgets every stream.
private enum SessionRun {
    static func run(_ session: HTTP2Session, _ input: [UInt8], own: Int) throws {
        let sink = AnsweringSink(session)
        var output = ByteBuffer()
        var offset = 0
        // The first byte says in which pieces the rest comes.
        let size = max(1, Int(input.first ?? 1))
        do throws(HTTP2SessionError) {
            while offset < input.count {
                let end = min(input.count, offset + size)
                try session.receive(input.span.extracting(offset..<end), sink: sink)
                try session.send(into: &output, sink: sink)
                offset = end
            }
        } catch {
            // The session is over; its last words may still be sent.
            try? session.send(into: &output, sink: sink)
        }
        guard output.readableBytes <= 100_000 + 64 * input.count else {
            throw FuzzFinding("\(output.readableBytes) bytes of answers to \(input.count)")
        }
        session.endStreams(code: .cancel, sink: sink)
        guard session.streamCount == 0 else { throw FuzzFinding("\(session.streamCount) streams are left") }
        guard sink.closed == sink.opened + own else {
            throw FuzzFinding("\(sink.opened + own) streams opened, \(sink.closed) closed")
        }
    }
}

/// A request's headers and body, as our own client sends them.
private enum Conversation {
    static func request(_ bodies: [Int]) throws -> [UInt8] {
        let client = try HTTP2Session(role: .client)
        let sink = AnsweringSink(client)
        for count in bodies {
            let body = HTTP2Body(ByteBuffer(repeating: 7, count: count))
            guard client.submitRequest(headers, body: body) != nil else { throw FuzzFinding("no stream for a seed") }
        }
        var bytes = ByteBuffer()
        try client.send(into: &bytes, sink: sink)
        client.submitPing()
        try client.send(into: &bytes, sink: sink)
        return Array(bytes.readableBytesView)
    }

    static let headers: HTTP2HeaderBlock = {
        var block = HTTP2HeaderBlock()
        block.append(":method", "POST")
        block.append(":scheme", "http")
        block.append(":path", "/fuzz.Service/Method")
        block.append(":authority", "fuzz")
        block.append("content-type", "application/grpc")
        block.append("te", "trailers")
        block.append("grpc-timeout", "10S")
        return block
    }()

    /// What a server says to a request.
    static func answer() throws -> [UInt8] {
        let server = try HTTP2Session(role: .server)
        let sink = AnsweringSink(server)
        let requests = try request([5, 100])
        try server.receive(requests.span, sink: sink)
        var bytes = ByteBuffer()
        try server.send(into: &bytes, sink: sink)
        return Array(bytes.readableBytesView)
    }
}

/// A client's frames, read by a server.
package struct FramesTarget: FuzzTarget {
    package let name = "frames"
    package let keptBytes = 24
    package let seeds: [[UInt8]]

    package init() throws {
        seeds = [
            try Conversation.request([0]), try Conversation.request([3, 40, 500]), try Conversation.request([20_000]),
        ]
    }

    package func run(_ input: [UInt8]) throws {
        try SessionRun.run(try HTTP2Session(role: .server), input, own: 0)
    }
}

/// A server's frames, read by a client that has a call under way.
package struct AnswersTarget: FuzzTarget {
    package let name = "answers"
    package let keptBytes = 0
    package let seeds: [[UInt8]]

    package init() throws { seeds = [try Conversation.answer()] }

    package func run(_ input: [UInt8]) throws {
        let client = try HTTP2Session(role: .client)
        let sink = AnsweringSink(client)
        guard client.submitRequest(Conversation.headers, body: HTTP2Body(ByteBuffer(repeating: 1, count: 5))) != nil
        else { throw FuzzFinding("no stream for a call") }
        var bytes = ByteBuffer()
        try client.send(into: &bytes, sink: sink)
        try SessionRun.run(client, input, own: 1)
    }
}

/// A header block (RFC 7541) inside well-formed frames.
package struct HeadersTarget: FuzzTarget {
    package let name = "headers"
    package let keptBytes = 0
    package let seeds: [[UInt8]] = [
        // Indexed fields, literals with and without indexing, Huffman, a change of the table's size.
        [0x83, 0x86, 0x44, 0x02, 0x2f, 0x61, 0x41, 0x01, 0x61],
        [0x3f, 0xe1, 0x1f, 0x83, 0x87, 0x04, 0x03, 0x2f, 0x78, 0x79, 0x00, 0x02, 0x74, 0x65, 0x08]
            + Array("trailers".utf8),
        [0x82, 0x86, 0x84, 0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff],
    ]

    package init() {}

    package func run(_ input: [UInt8]) throws {
        var bytes = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0]
        // Twice: the second block meets the table that the first has left.
        for stream: UInt8 in [1, 3] {
            let block = input.prefix(16_000)
            bytes += [0, UInt8(block.count >> 8), UInt8(block.count & 0xff), 1, 5, 0, 0, 0, stream] + block
        }
        try SessionRun.run(try HTTP2Session(role: .server), bytes, own: 0)
    }
}
