// Bodies that are given piece by piece, and windows that open as bytes are taken.

import HTTP2Engine
import NIOCore
import Testing

/// A body under the test's hand.
private final class ScriptedSource: HTTP2BodySource {
    var bytes: [UInt8] = []
    var end: HTTP2BodyPiece.End?
    private(set) var reads = 0

    func read(into target: UnsafeMutableRawBufferPointer) -> HTTP2BodyPiece {
        reads += 1
        let count = min(bytes.count, target.count)
        target.copyBytes(from: bytes[..<count])
        bytes.removeFirst(count)
        return HTTP2BodyPiece(count: count, end: bytes.isEmpty ? end ?? .none : .none)
    }
}

@Suite struct BodySourceTests {
    @Test func bodiesGrowBothWaysUntilTheirEnds() throws {
        let pair = try SessionPair()
        let up = ScriptedSource()
        let down = ScriptedSource()
        let stream = try #require(pair.client.submitRequest(SessionPair.request, source: up))
        pair.serverSink.onHeadersAction = { stream in
            _ = pair.server.submitResponse(stream, SessionPair.response, source: down)
        }
        try pair.exchange()
        let served = try #require(pair.serverSink.opened.first)
        #expect(pair.serverSink.bodies[served] == nil && pair.clientSink.lines.contains("0 headers end"))
        for turn in 1...3 as ClosedRange<UInt8> {
            up.bytes = [turn, turn]
            pair.client.resume(stream)
            down.bytes = [turn]
            pair.server.resume(served)
            try pair.exchange()
        }
        #expect(pair.serverSink.bodies[served] == [1, 1, 2, 2, 3, 3])
        #expect(pair.clientSink.bodies[stream] == [1, 2, 3])
        up.end = .end
        pair.client.resume(stream)
        try pair.exchange()
        #expect(pair.serverSink.lines.contains("0 end") && !pair.clientSink.lines.contains("0 end"))
        down.bytes = [4]
        down.end = .trailers(SessionPair.trailers)
        pair.server.resume(served)
        try pair.exchange()
        #expect(pair.clientSink.bodies[stream] == [1, 2, 3, 4])
        #expect(pair.clientSink.lines.suffix(3) == ["0 headers end", "0 end", "0 closed 0"])
        #expect(pair.client.streamCount == 0 && pair.server.streamCount == 0)
        // A stream that is gone is left alone.
        pair.server.resume(served)
        pair.client.consumeOfStream(stream, 1)
    }

    @Test func aSourceIsAskedOnlyAsFarAsTheReaderTakes() throws {
        var limits = HTTP2Limits()
        limits.streamWindow = 65_535
        let pair = try SessionPair(limits)
        pair.serverSink.consumes = false
        let source = ScriptedSource()
        source.bytes = [UInt8](repeating: 1, count: 200_000)
        let stream = try #require(pair.client.submitRequest(SessionPair.request, source: source))
        try pair.exchange()
        let served = try #require(pair.serverSink.opened.first)
        #expect(pair.serverSink.bodies[served]?.count == 65_535)
        let reads = source.reads
        // Bytes that nobody took: to ask again does not help.
        pair.client.resume(stream)
        try pair.exchange()
        #expect(source.reads == reads)
        pair.server.consumeOfConnection(65_535)
        try pair.exchange()
        #expect(pair.serverSink.bodies[served]?.count == 65_535)
        pair.server.consumeOfStream(served, 65_535)
        try pair.exchange()
        #expect(pair.serverSink.bodies[served]?.count == 131_070)
    }

    @Test func anEarlyAnswerEndsTheRequest() throws {
        let pair = try SessionPair()
        let source = ScriptedSource()
        let stream = try #require(pair.client.submitRequest(SessionPair.request, source: source))
        pair.serverSink.onHeadersAction = { stream in
            let answer = ScriptedSource()
            answer.end = .trailers(SessionPair.trailers)
            _ = pair.server.submitResponse(stream, SessionPair.response, source: answer)
        }
        try pair.exchange()
        #expect(pair.clientSink.lines.contains("0 end") && pair.clientSink.lines.last == "0 closed 0")
        source.bytes = [1]
        pair.client.resume(stream)
        try pair.exchange()
        #expect(pair.client.streamCount == 0 && pair.server.streamCount == 0)
    }
}
