// A session event by event: requests, answers, resets, flow control, limits, goodbyes.

import HTTP2Engine
import NIOCore
import Testing

@Suite struct HTTP2SessionTests {
    @Test(arguments: [1, 2, 3, 7, 9, 10, 64, Int.max])
    func aCallReadsAsAStoryWhateverThePieces(size: Int) throws {
        let pair = try SessionPair()
        pair.answer { stream in pair.serverSink.bodies[stream] ?? [] }
        let stream = try #require(pair.send(Array("hello".utf8)))
        try pair.exchange(piecesOf: size)
        #expect(
            pair.serverSink.lines == [
                "opened 0.0", "0 :method: POST", "0 :scheme: http", "0 :path: /a/b", "0 :authority: here",
                "0 headers end", "0 end", "0 closed 0",
            ])
        #expect(
            pair.clientSink.lines == [
                "0 :status: 200", "0 headers end", "0 grpc-status: 0", "0 headers end", "0 end", "0 closed 0",
            ])
        #expect(pair.clientSink.bodies[stream] == Array("hello".utf8))
        #expect(pair.client.streamCount == 0 && pair.server.streamCount == 0)
    }

    @Test func placesAreUsedAgainUnderTheNextGeneration() throws {
        let pair = try SessionPair()
        pair.answer { _ in [1] }
        for _ in 0..<3 {
            _ = pair.send([0])
            try pair.exchange()
        }
        #expect(pair.serverSink.opened.map(\.place) == [0, 0, 0])
        #expect(pair.serverSink.opened.map(\.generation) == [0, 1, 2])
        // What is late finds nobody.
        #expect(!pair.server.submitResponse(pair.serverSink.opened[0], SessionPair.response))
        pair.server.reset(pair.serverSink.opened[1], .cancel)
        #expect(try SessionPair.output(of: pair.server, pair.serverSink).isEmpty)
    }

    @Test func aPrefixGoesBeforeTheBody() throws {
        let pair = try SessionPair()
        let body = HTTP2Body(prefix: 0x01_02_03, prefixCount: 3, ByteBuffer(bytes: [4, 5]))
        #expect(body.count == 5)
        _ = pair.client.submitRequest(SessionPair.request, body: body)
        try pair.exchange()
        #expect(pair.serverSink.bodies.values.first == [1, 2, 3, 4, 5])
    }

    @Test func largeBodiesPassTheWindowsBothWays() throws {
        let pair = try SessionPair()
        pair.answer { stream in pair.serverSink.bodies[stream] ?? [] }
        let body = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let stream = try #require(pair.send(body))
        try pair.exchange()
        #expect(pair.clientSink.bodies[stream] == body)
    }

    @Test func whatIsNotConsumedHoldsThePeerBack() throws {
        var limits = HTTP2Limits()
        limits.streamWindow = 100_000
        let pair = try SessionPair(limits)
        // The server's window reaches the client with its first bytes.
        try pair.exchange()
        pair.serverSink.consumes = false
        _ = pair.send(Array(repeating: 1, count: 300_000))
        try pair.exchange()
        let stream = pair.serverSink.opened[0]
        #expect(pair.serverSink.bodies[stream]?.count == 100_000)
        pair.server.consume(stream, 100_000)
        try pair.exchange()
        #expect(pair.serverSink.bodies[stream]?.count == 200_000)
    }

    @Test func aResetClosesBothSides() throws {
        let pair = try SessionPair()
        let stream = try #require(pair.send([1]))
        try pair.exchange()
        pair.client.reset(stream, .cancel)
        try pair.exchange()
        #expect(pair.serverSink.lines.last == "0 closed 8")
        #expect(pair.clientSink.lines.last == "0 closed 8")
    }

    @Test func anEarlyAnswerStopsTheUpload() throws {
        let pair = try SessionPair()
        pair.serverSink.onHeadersAction = { stream in _ = pair.server.submitResponse(stream, SessionPair.response) }
        pair.serverSink.consumes = false
        let stream = try #require(pair.send(Array(repeating: 1, count: 4_000_000)))
        try pair.exchange()
        #expect(pair.clientSink.lines == ["0 :status: 200", "0 headers end", "0 end", "0 closed 0"])
        #expect((pair.serverSink.bodies.values.first?.count ?? 0) < 4_000_000)
        #expect(pair.client.streamCount == 0 && pair.server.streamCount == 0)
        // The connection's window did not leak: another call goes through.
        pair.serverSink.onHeadersAction = nil
        pair.serverSink.consumes = true
        pair.answer { _ in [9] }
        let next = try #require(pair.send(Array(repeating: 2, count: 100)))
        try pair.exchange()
        #expect(pair.clientSink.bodies[next] == [9])
        #expect(stream != next)
    }

    @Test func aLongHeaderListIsCutOff() throws {
        var limits = HTTP2Limits()
        limits.maxHeaderListBytes = 400
        let pair = try SessionPair(limits)
        var headers = SessionPair.request
        for number in 0..<20 { headers.append("x-\(number)", Array("value".utf8)) }
        _ = pair.client.submitRequest(headers, body: HTTP2Body(ByteBuffer()))
        try pair.exchange()
        #expect(pair.serverSink.lines.contains("0 headers end truncated"))
        #expect(pair.serverSink.lines.count < 20)
    }

    @Test func streamsBeyondTheLimitWait() throws {
        var limits = HTTP2Limits()
        limits.maxConcurrentStreams = 3
        let pair = try SessionPair(limits)
        try pair.exchange()
        for _ in 0..<5 { _ = pair.send([1]) }
        try pair.exchange()
        #expect(pair.serverSink.opened.count == 3)
        #expect(pair.client.streamCount == 5)
        _ = pair.server.submitResponse(pair.serverSink.opened[0], SessionPair.response)
        try pair.exchange()
        #expect(pair.serverSink.opened.count == 4)
    }

    @Test func ownStreamsHaveALimit() throws {
        var limits = HTTP2Limits()
        limits.maxOwnStreams = 2
        let pair = try SessionPair(limits)
        #expect(pair.send([]) != nil)
        #expect(pair.send([]) != nil)
        #expect(pair.send([]) == nil)
    }

    @Test func afterGoAwayCallsFinishAndNewOnesAreRefused() throws {
        let pair = try SessionPair()
        _ = pair.send([1])
        try pair.exchange()
        pair.server.submitGoAway()
        try pair.exchange()
        #expect(pair.clientSink.lines == ["goaway 0"])
        _ = pair.send([2])
        try pair.exchange()
        #expect(pair.clientSink.lines.last == "1 closed 7")
        #expect(!pair.server.isFinished)
        _ = pair.server.submitResponse(pair.serverSink.opened[0], SessionPair.response)
        try pair.exchange()
        #expect(pair.server.isFinished)
        #expect(!pair.server.hasProtocolError)
    }

    @Test func pingsAreAnswered() throws {
        let pair = try SessionPair()
        pair.client.submitPing()
        try pair.exchange()
        #expect(pair.clientSink.lines == ["pong"])
    }

    @Test func theEndOfAConnectionClosesItsStreams() throws {
        let pair = try SessionPair()
        for _ in 0..<3 { _ = pair.send([1]) }
        try pair.exchange()
        pair.server.endStreams(code: .cancel, sink: pair.serverSink)
        #expect(pair.serverSink.lines.suffix(3) == ["0 closed 8", "1 closed 8", "2 closed 8"])
        #expect(pair.server.streamCount == 0)
    }

    // MARK: Peers that break the rules

    @Test func anotherProtocolIsRefusedWithGoAway() throws {
        let pair = try SessionPair()
        let bytes = Array("GET / HTTP/1.1\r\nhost: here\r\n\r\n".utf8)
        #expect(throws: HTTP2SessionError.badPreface) {
            try pair.server.receive(bytes.span, sink: pair.serverSink)
        }
        #expect(pair.server.hasProtocolError)
        #expect(try !SessionPair.output(of: pair.server, pair.serverSink).isEmpty)
        #expect(pair.server.isFinished)
    }

    @Test func aFloodOfPingsEndsTheConnection() throws {
        let pair = try SessionPair()
        try pair.exchange()
        let ping: [UInt8] = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]
        let flood = Array(repeatElement(ping, count: 10_000).joined())
        #expect(throws: HTTP2SessionError.flooded) {
            try pair.server.receive(flood.span, sink: pair.serverSink)
        }
        #expect(pair.server.hasProtocolError)
    }

    @Test func aFloodOfResetsEndsTheConnection() throws {
        var limits = HTTP2Limits()
        limits.resetBurst = 10
        limits.resetsPerSecond = 1
        let pair = try SessionPair(limits)
        for _ in 0..<40 {
            guard let stream = pair.send([1]) else { break }
            try pair.exchange()
            pair.client.reset(stream, .cancel)
            try pair.exchange()
        }
        #expect(pair.server.hasProtocolError)
        #expect(pair.server.isFinished)
    }

    /// Under overload callers give up by the thousand: that is no flood. Who opens streams only to reset them is one.
    @Test(arguments: [0, 1, 2, 1_000] as [UInt32])
    func whoWaitedMayGiveUp(steps: UInt32) throws {
        let pair = try SessionPair()
        for number in 0..<500 as Range<UInt32> {
            // Steps wrap around.
            pair.server.step = UInt32.max - 400 &+ number &* steps
            let stream = try #require(pair.send([1]))
            try pair.exchange()
            pair.server.step &+= steps
            pair.client.reset(stream, .cancel)
            try pair.exchange()
        }
        let cost = pair.server.takeControlCost()
        #expect(steps < 2 ? cost >= 500 : cost < 5, "\(cost)")
    }

    /// A cancellation that crosses the answer costs nothing either.
    @Test func resetsMayCrossAnswers() throws {
        let pair = try SessionPair()
        pair.answer { _ in [1] }
        try pair.exchange()
        _ = pair.server.takeControlCost()
        for number in 0..<200 {
            _ = pair.send([1])
            try pair.exchange()
            let id = UInt8(truncatingIfNeeded: (2 * number + 1) >> 8)
            let reset: [UInt8] = [0, 0, 4, 3, 0, 0, 0, id, UInt8(truncatingIfNeeded: 2 * number + 1), 0, 0, 0, 8]
            try pair.server.receive(reset.span, sink: pair.serverSink)
        }
        #expect(pair.server.takeControlCost() < 5)
    }

    @Test func badFramesGetGoAway() throws {
        let bad: [[UInt8]] = [
            // DATA on stream 0.
            [0, 0, 1, 0, 0, 0, 0, 0, 0, 9],
            // HEADERS with an even number.
            [0, 0, 1, 1, 5, 0, 0, 0, 2, 0x82],
            // A frame larger than 16 KiB.
            [0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1],
            // WINDOW_UPDATE of nothing.
            [0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            // A header block that does not decompress.
            [0, 0, 1, 1, 5, 0, 0, 0, 1, 0xff],
            // SETTINGS of five bytes.
            [0, 0, 5, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            // PUSH_PROMISE from a client.
            [0, 0, 4, 5, 4, 0, 0, 0, 1, 0, 0, 0, 2],
        ]
        for bytes in bad {
            let pair = try SessionPair()
            try pair.exchange()
            // The library reports some at once, others by GOAWAY only.
            try? pair.server.receive(bytes.span, sink: pair.serverSink)
            let output = try SessionPair.output(of: pair.server, pair.serverSink)
            #expect(output.count >= 17 && pair.server.hasProtocolError, "\(bytes)")
            #expect(pair.server.isFinished, "\(bytes)")
        }
    }
}
