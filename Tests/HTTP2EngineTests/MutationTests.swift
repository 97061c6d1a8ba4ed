// Thousands of damaged conversations: never a trap, never a hang; the connection ends or goes on.

import HTTP2Engine
import NIOCore
import Testing

@Suite struct MutationTests {
    private struct Generator {
        var state: UInt64

        mutating func next(below bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % max(1, bound)
        }
    }

    /// What a client sends for three calls, one of them reset.
    private func recordedClient() throws -> [UInt8] {
        let pair = try SessionPair()
        pair.answer { _ in [1, 2, 3] }
        var bytes: [UInt8] = []
        for number in 0..<3 {
            let stream = pair.send(Array(repeating: UInt8(number), count: 40))
            if number == 2, let stream {
                bytes += try step(pair)
                pair.client.reset(stream, .cancel)
            }
            bytes += try step(pair)
        }
        return bytes
    }

    private func step(_ pair: SessionPair) throws -> [UInt8] {
        let up = try SessionPair.output(of: pair.client, pair.clientSink)
        try SessionPair.feed(pair.server, pair.serverSink, up, piecesOf: .max)
        let down = try SessionPair.output(of: pair.server, pair.serverSink)
        try SessionPair.feed(pair.client, pair.clientSink, down, piecesOf: .max)
        return up
    }

    private func mutate(_ bytes: [UInt8], _ random: inout Generator) -> [UInt8] {
        var bytes = bytes
        for _ in 0...random.next(below: 4) {
            guard !bytes.isEmpty else { return bytes }
            let place = random.next(below: bytes.count)
            switch random.next(below: 5) {
            case 0: bytes[place] = UInt8(random.next(below: 256))
            case 1: bytes[place] ^= 1 << UInt8(random.next(below: 8))
            case 2: bytes.remove(at: place)
            case 3: bytes.insert(UInt8(random.next(below: 256)), at: place)
            default:
                let end = min(bytes.count, place + random.next(below: 60))
                bytes.insert(contentsOf: bytes[place..<end], at: random.next(below: bytes.count))
            }
        }
        return bytes
    }

    @Test(arguments: [UInt64(1), 2, 3, 4])
    func damagedRequestsEndOrGoOn(seed: UInt64) throws {
        let recorded = try recordedClient()
        var random = Generator(state: seed)
        var ended = 0
        for round in 0..<1_000 {
            // The preface stays: without it nothing else is reached.
            let bytes = Array(recorded[..<24]) + mutate(Array(recorded[24...]), &random)
            let pair = try SessionPair()
            pair.answer { _ in [1] }
            do {
                try SessionPair.feed(pair.server, pair.serverSink, bytes, piecesOf: 1 + random.next(below: 100))
            } catch is HTTP2SessionError {
                ended += 1
            }
            let output = try SessionPair.output(of: pair.server, pair.serverSink)
            #expect(output.count < 100_000, "seed \(seed), round \(round)")
            pair.server.endStreams(code: .cancel, sink: pair.serverSink)
            #expect(pair.server.streamCount == 0, "seed \(seed), round \(round)")
            // Every stream that opened was closed, once.
            let closed = pair.serverSink.lines.count { $0.contains("closed") }
            #expect(closed == pair.serverSink.opened.count, "seed \(seed), round \(round)")
            if pair.server.hasProtocolError { ended += 1 }
        }
        // The damage does reach the rules.
        #expect(ended > 100, "seed \(seed)")
    }

    @Test(arguments: [UInt64(11), 12])
    func damagedAnswersEndOrGoOn(seed: UInt64) throws {
        var random = Generator(state: seed)
        let server = try SessionPair()
        server.answer { _ in Array(repeating: 5, count: 30) }
        _ = server.send([1])
        let up = try SessionPair.output(of: server.client, server.clientSink)
        try SessionPair.feed(server.server, server.serverSink, up, piecesOf: .max)
        let down = try SessionPair.output(of: server.server, server.serverSink)
        for round in 0..<1_000 {
            let pair = try SessionPair()
            let stream = pair.send([1])
            _ = try SessionPair.output(of: pair.client, pair.clientSink)
            // An error is one of the two good ends.
            try? SessionPair.feed(
                pair.client, pair.clientSink, mutate(down, &random), piecesOf: 1 + random.next(below: 50))
            _ = try SessionPair.output(of: pair.client, pair.clientSink)
            pair.client.endStreams(code: .cancel, sink: pair.clientSink)
            #expect(stream != nil && pair.client.streamCount == 0, "seed \(seed), round \(round)")
        }
    }

    @Test(arguments: [UInt64(21), 22])
    func noiseIsNoHTTP2(seed: UInt64) throws {
        var random = Generator(state: seed)
        for round in 0..<500 {
            let pair = try SessionPair()
            let noise = (0..<random.next(below: 300)).map { _ in UInt8(random.next(below: 256)) }
            // An error is one of the two good ends.
            try? SessionPair.feed(pair.server, pair.serverSink, noise, piecesOf: .max)
            #expect(pair.serverSink.opened.isEmpty, "seed \(seed), round \(round)")
        }
    }
}
