// Every error of RFC 9113 that a client can provoke gets its code, on the connection or on the stream.

import HostEnvironment
import NIOCore
import NodeEnvironment
import RPCTransport
import Testing

@Suite(.serialized, .timeLimit(.minutes(2))) struct ProtocolErrorTests {
    struct Provocation: Sendable, CustomTestStringConvertible {
        var name: String
        var bytes: [UInt8]
        /// Codes that the RFC allows (section 7).
        var codes: Set<UInt32>

        var testDescription: String { name }

        init(_ name: String, _ codes: Set<UInt32>, _ bytes: [UInt8], preface: [UInt8] = RawHTTP2.preface) {
            self.name = name
            self.codes = codes
            self.bytes = preface + bytes
        }
    }

    private static let `protocol`: Set<UInt32> = [1]
    private static let flowControl: Set<UInt32> = [3]
    private static let closed: Set<UInt32> = [5]
    private static let frameSize: Set<UInt32> = [6]
    private static let compression: Set<UInt32> = [9]

    // MARK: Errors of the connection

    static let connectionErrors: [Provocation] =
        framesOnWrongStreams + wrongSizes + wrongSettings + wrongHeaderBlocks + wrongWindows

    private static let framesOnWrongStreams = [
        Provocation("another preface", `protocol`, Array("GET / HTTP/1.1\r\nhost: a\r\n\r\n".utf8), preface: []),
        Provocation(
            "a frame before SETTINGS", `protocol`, RawFrame(.ping, [UInt8](repeating: 0, count: 8)).bytes,
            preface: RawHTTP2.magic),
        Provocation("DATA on stream 0", `protocol`, RawFrame(.data, [1]).bytes),
        Provocation("HEADERS on stream 0", `protocol`, RawHTTP2.open(0)),
        Provocation("HEADERS on an even stream", `protocol`, RawHTTP2.open(2)),
        Provocation("HEADERS on an older stream", [1, 5], RawHTTP2.open(5, ends: true) + RawHTTP2.open(3)),
        Provocation("DATA on an idle stream", [1, 5], RawHTTP2.message(7, count: 1)),
        Provocation("RST_STREAM on an idle stream", `protocol`, RawFrame(.resetStream, stream: 7, [0, 0, 0, 8]).bytes),
        Provocation("RST_STREAM on stream 0", `protocol`, RawFrame(.resetStream, [0, 0, 0, 8]).bytes),
        Provocation(
            "WINDOW_UPDATE on an idle stream", `protocol`, RawFrame(.windowUpdate, stream: 7, [0, 0, 0, 8]).bytes),
        Provocation("SETTINGS on a stream", `protocol`, RawFrame(.settings, stream: 1).bytes),
        Provocation("PING on a stream", `protocol`, RawFrame(.ping, stream: 1, [UInt8](repeating: 0, count: 8)).bytes),
        Provocation(
            "GOAWAY on a stream", `protocol`, RawFrame(.goAway, stream: 1, [UInt8](repeating: 0, count: 8)).bytes),
        Provocation(
            "PUSH_PROMISE from a client", `protocol`, RawFrame(.pushPromise, flags: 4, stream: 1, [0, 0, 0, 2]).bytes),
        Provocation(
            "DATA after the end of a stream", closed, RawHTTP2.open(1, ends: true) + RawHTTP2.message(1, count: 1)),
        Provocation(
            "padding as long as the frame", `protocol`,
            RawHTTP2.open(1) + RawFrame(.data, flags: 8, stream: 1, [5, 0, 0]).bytes),
    ]

    private static let wrongSizes = [
        Provocation("a short PING", frameSize, RawFrame(.ping, [1, 2, 3]).bytes),
        Provocation("a short RST_STREAM", frameSize, RawHTTP2.open(1) + RawFrame(.resetStream, stream: 1, [1]).bytes),
        Provocation("a short WINDOW_UPDATE", frameSize, RawFrame(.windowUpdate, [1]).bytes),
        Provocation("a short GOAWAY", frameSize, RawFrame(.goAway, [1]).bytes),
        Provocation("SETTINGS that are not whole", frameSize, RawFrame(.settings, [0, 1, 2]).bytes),
        Provocation(
            "SETTINGS acknowledged with content", frameSize, RawFrame(.settings, flags: 1, [0, 1, 0, 0, 0, 0]).bytes),
        Provocation("a short PRIORITY", frameSize, RawFrame(.priority, stream: 1, [1]).bytes),
        Provocation(
            "a frame beyond the limit", frameSize,
            RawHTTP2.open(1) + RawFrame(.data, stream: 1, [UInt8](repeating: 0, count: 16_385)).bytes),
    ]

    private static let wrongSettings = [
        Provocation("ENABLE_PUSH neither 0 nor 1", `protocol`, RawFrame(.settings, [0, 2, 0, 0, 0, 2]).bytes),
        Provocation("INITIAL_WINDOW_SIZE too large", flowControl, RawFrame(.settings, [0, 4, 0x80, 0, 0, 0]).bytes),
        Provocation("MAX_FRAME_SIZE too small", `protocol`, RawFrame(.settings, [0, 5, 0, 0, 0, 1]).bytes),
        Provocation("MAX_FRAME_SIZE too large", `protocol`, RawFrame(.settings, [0, 5, 1, 0, 0, 0]).bytes),
    ]

    private static let wrongHeaderBlocks = [
        Provocation("CONTINUATION without HEADERS", `protocol`, RawFrame(.continuation, flags: 4, stream: 1).bytes),
        Provocation(
            "a frame inside a header block", `protocol`,
            RawFrame(.headers, stream: 1, [0x83]).bytes + RawFrame(.ping, [UInt8](repeating: 0, count: 8)).bytes),
        Provocation(
            "CONTINUATION of another stream", `protocol`,
            RawFrame(.headers, stream: 1, [0x83]).bytes + RawFrame(.continuation, flags: 4, stream: 3).bytes),
        Provocation(
            "an index that no table has", compression,
            RawFrame(.headers, flags: 4, stream: 1, [0xff, 0xff, 0xff, 0x7f]).bytes),
        Provocation(
            "a header block cut short", compression, RawFrame(.headers, flags: 4, stream: 1, [0, 5, 97]).bytes),
        Provocation(
            "a table size beyond ours", compression,
            RawFrame(.headers, flags: 4, stream: 1, [0x3f, 0xff, 0xff, 0x7f]).bytes),
        Provocation("padding beyond HEADERS", `protocol`, RawFrame(.headers, flags: 12, stream: 1, [9, 0x83]).bytes),
    ]

    private static let wrongWindows = [
        Provocation("WINDOW_UPDATE of 0 on the connection", `protocol`, RawFrame(.windowUpdate, [0, 0, 0, 0]).bytes),
        Provocation(
            "a connection window beyond 2^31-1", flowControl, RawFrame(.windowUpdate, [0x7f, 0xff, 0xff, 0xff]).bytes),
    ]

    @Test(arguments: connectionErrors) func connectionErrorsGetTheirCode(_ provocation: Provocation) async throws {
        try await EchoServer.with { server in
            let answer = try await RawPeer.converse(
                provocation.bytes, with: server.listener.endpoint, pool: server.pool.group)
            let code = answer.goAway ?? answer.reset(of: 1)
            #expect(
                code.map { provocation.codes.contains($0) } == true, "\(provocation.name): \(String(describing: code))")
            #expect(answer.isClosed)
            #expect(server.listener.counters.protocolErrors == 1)
            try await server.withChannel { try await $0.expect("well", from: "Echo", "well") }
        }
    }

    // MARK: Errors of a stream

    static let streamErrors: [Provocation] = [
        malformed("an upper-case name", [("X-Upper", "1")]),
        malformed("a header of the connection", [("connection", "close")]),
        malformed("transfer-encoding", [("transfer-encoding", "chunked")]),
        malformed("te that is not trailers", [("te", "gzip")]),
        malformed("a pseudo-header that requests have not", [(":status", "200")]),
        malformed("a name with a space", [("a b", "1")]),
        malformed("a value with a line break", [("x", "a\r\nb")]),
        Provocation("a pseudo-header after others", [1], RawHTTP2.open(1, ends: true, [("a", "b")] + RawHTTP2.request)),
        Provocation("no :path", [1], RawHTTP2.open(1, ends: true, RawHTTP2.request.filter { $0.0 != ":path" })),
        Provocation("no :method", [1], RawHTTP2.open(1, ends: true, RawHTTP2.request.filter { $0.0 != ":method" })),
        Provocation("no :scheme", [1], RawHTTP2.open(1, ends: true, RawHTTP2.request.filter { $0.0 != ":scheme" })),
        Provocation("two :path", [1], RawHTTP2.open(1, ends: true, [(":path", "/")] + RawHTTP2.request)),
        Provocation(
            "an empty :path", [1],
            RawHTTP2.open(1, ends: true, RawHTTP2.request.map { $0.0 == ":path" ? ($0.0, "") : $0 })),
        Provocation(
            "a content-length that is not met", [1],
            RawHTTP2.open(1, RawHTTP2.request + [("content-length", "99")]) + RawHTTP2.message(1, count: 1)),
        Provocation(
            "WINDOW_UPDATE of 0", [1], RawHTTP2.open(1) + RawFrame(.windowUpdate, stream: 1, [0, 0, 0, 0]).bytes),
        Provocation(
            "a stream window beyond 2^31-1", [3],
            RawHTTP2.open(1) + RawFrame(.windowUpdate, stream: 1, [0x7f, 0xff, 0xff, 0xff]).bytes),
    ]

    private static func malformed(_ name: String, _ headers: [(String, String)]) -> Provocation {
        Provocation(name, [1], RawHTTP2.open(1, ends: true, RawHTTP2.request + headers))
    }

    @Test(arguments: streamErrors) func streamErrorsGetTheirCode(_ provocation: Provocation) async throws {
        try await EchoServer.with { server in
            // A well-formed call on the same connection goes on, where the library does not close it all.
            let answer = try await RawPeer.converse(
                provocation.bytes, with: server.listener.endpoint, pool: server.pool.group
            ) { $0.reset(of: 1) != nil || $0.goAway != nil }
            let code = answer.reset(of: 1) ?? answer.goAway
            #expect(
                code.map { provocation.codes.contains($0) } == true, "\(provocation.name): \(String(describing: code))")
            #expect(server.listener.counters.calls == 0)
        }
    }

    // MARK: What must be borne

    @Test func unknownFramesAndSettingsAreIgnored() async throws {
        let noise =
            RawFrame(.unknown, flags: 0xff, stream: 1, [1, 2, 3]).bytes
            + RawFrame(.settings, [0xfa, 0xce, 0, 0, 0, 1]).bytes
        try await EchoServer.with { server in
            let bytes = RawHTTP2.preface + noise + RawHTTP2.open(1) + noise + RawHTTP2.message(1, count: 10)
            let answer = try await RawPeer.converse(bytes, with: server.listener.endpoint, pool: server.pool.group) {
                $0.count(.headers) == 2
            }
            #expect(answer.goAway == nil && answer.count(.data) == 1)
            #expect(server.listener.counters.calls == 1)
        }
    }
}
