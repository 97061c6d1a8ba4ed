// Two sessions in memory, and what they say.

import HTTP2Engine
import NIOCore

/// Records events as lines, and answers where told to.
final class RecordingSink: HTTP2EventSink {
    var lines: [String] = []
    var bodies: [HTTP2StreamKey: [UInt8]] = [:]
    var opened: [HTTP2StreamKey] = []
    /// Whether body bytes are handed back to the peer's window.
    var consumes = true
    var onEndAction: ((HTTP2StreamKey) -> Void)?
    var onHeadersAction: ((HTTP2StreamKey) -> Void)?
    weak var session: HTTP2Session?

    func onStreamOpened(_ stream: HTTP2StreamKey) {
        opened.append(stream)
        lines.append("opened \(stream.place).\(stream.generation)")
    }

    func onHeader(_ stream: HTTP2StreamKey, name: Span<UInt8>, value: Span<UInt8>) {
        lines.append("\(stream.place) \(Self.text(name)): \(Self.text(value))")
    }

    func onHeadersEnd(_ stream: HTTP2StreamKey, isTruncated: Bool) {
        lines.append("\(stream.place) headers end\(isTruncated ? " truncated" : "")")
        onHeadersAction?(stream)
    }

    func onData(_ stream: HTTP2StreamKey, _ bytes: Span<UInt8>) {
        for index in 0..<bytes.count { bodies[stream, default: []].append(bytes[index]) }
        if consumes { session?.consume(stream, bytes.count) }
    }

    func onEnd(_ stream: HTTP2StreamKey) {
        lines.append("\(stream.place) end")
        onEndAction?(stream)
    }

    func onClosed(_ stream: HTTP2StreamKey, code: HTTP2ErrorCode) {
        lines.append("\(stream.place) closed \(code.rawValue)")
    }

    func onGoAway(code: HTTP2ErrorCode) { lines.append("goaway \(code.rawValue)") }

    func onPingAnswered() { lines.append("pong") }

    private static func text(_ bytes: Span<UInt8>) -> String {
        String(decoding: (0..<bytes.count).map { bytes[$0] }, as: UTF8.self)
    }
}

/// A client and a server without a network between them.
final class SessionPair {
    let client: HTTP2Session
    let server: HTTP2Session
    let clientSink = RecordingSink()
    let serverSink = RecordingSink()

    init(_ limits: HTTP2Limits = HTTP2Limits()) throws {
        client = try HTTP2Session(role: .client, limits: limits)
        server = try HTTP2Session(role: .server, limits: limits)
        clientSink.session = client
        serverSink.session = server
    }

    /// What `session` has to send now.
    static func output(of session: HTTP2Session, _ sink: RecordingSink) throws -> [UInt8] {
        var bytes = ByteBuffer()
        while session.wantsWrite {
            let before = bytes.writerIndex
            try session.send(into: &bytes, sink: sink)
            if bytes.writerIndex == before { break }
        }
        return Array(bytes.readableBytesView)
    }

    /// Passes bytes both ways until nobody has any, in pieces of `size`.
    func exchange(piecesOf size: Int = .max) throws {
        while true {
            let up = try Self.output(of: client, clientSink)
            try Self.feed(server, serverSink, up, piecesOf: size)
            let down = try Self.output(of: server, serverSink)
            try Self.feed(client, clientSink, down, piecesOf: size)
            if up.isEmpty, down.isEmpty { return }
        }
    }

    static func feed(_ session: HTTP2Session, _ sink: RecordingSink, _ bytes: [UInt8], piecesOf size: Int) throws {
        var start = 0
        while start < bytes.count {
            let end = size < bytes.count - start ? start + size : bytes.count
            try session.receive(bytes.span.extracting(start..<end), sink: sink)
            start = end
        }
    }

    static let request: HTTP2HeaderBlock = {
        var block = HTTP2HeaderBlock()
        block.append(":method", "POST")
        block.append(":scheme", "http")
        block.append(":path", "/a/b")
        block.append(":authority", "here")
        return block
    }()

    static let response: HTTP2HeaderBlock = {
        var block = HTTP2HeaderBlock()
        block.append(":status", "200")
        return block
    }()

    static let trailers: HTTP2HeaderBlock = {
        var block = HTTP2HeaderBlock()
        block.append("grpc-status", "0")
        return block
    }()

    /// Lets the server answer each request with `body`.
    func answer(with body: @escaping (HTTP2StreamKey) -> [UInt8]) {
        serverSink.onEndAction = { [unowned self] stream in
            _ = server.submitResponse(
                stream, Self.response, body: HTTP2Body(ByteBuffer(bytes: body(stream))), trailers: Self.trailers)
        }
    }

    func send(_ body: [UInt8]) -> HTTP2StreamKey? {
        client.submitRequest(Self.request, body: HTTP2Body(ByteBuffer(bytes: body)))
    }
}
