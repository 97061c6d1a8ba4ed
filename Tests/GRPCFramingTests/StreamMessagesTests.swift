// Messages of a stream on their way in and out, event by event.

import GRPCFraming
import NIOCore
import Testing

@Suite struct InboundMessagesTests {
    private func framed(_ bytes: [UInt8], flag: UInt8 = 0) -> [UInt8] { [flag, 0, 0, 0, UInt8(bytes.count)] + bytes }

    private func message(_ bytes: [UInt8]) -> InboundMessages.Step { .message(ByteBuffer(bytes: bytes)) }

    private func code(_ step: InboundMessages.Step?) -> RPCStatusCode? {
        if case .failure(let status) = step { status.code } else { nil }
    }

    @Test func bytesWaitForTheReaderAndCountOnceTaken() {
        var inbound = InboundMessages(limit: 100)
        #expect(inbound.onBytes((framed([1, 2]) + framed([]) + [0, 0]).span) == nil)
        #expect(inbound.waitingBytes == 14 && inbound.untakenCredit == 0)
        #expect(inbound.onNext() == message([1, 2]))
        #expect(inbound.takeCredit() == 7 && inbound.takeCredit() == 0)
        #expect(inbound.onNext() == message([]))
        #expect(inbound.onNext() == .wait)
        // A reader waits: what arrives is taken at once, as far as it belongs to the next message.
        #expect(inbound.takeCredit() == 7)
        #expect(inbound.onBytes([0, 0, 1, 9, 0].span) == message([9]))
        #expect(inbound.takeCredit() == 4 && inbound.waitingBytes == 1)
    }

    @Test func aMessageLargerThanAnyWindowPassesAReaderWhoWaits() {
        var inbound = InboundMessages(limit: 1 << 20)
        #expect(inbound.onNext() == .wait)
        #expect(inbound.onBytes([0, 0, 1, 0, 0].span) == nil)
        for _ in 0..<255 { #expect(inbound.onBytes([UInt8](repeating: 7, count: 256).span) == nil) }
        #expect(inbound.takeCredit() == 5 + 255 * 256 && inbound.waitingBytes == 0)
        let whole = inbound.onBytes([UInt8](repeating: 7, count: 256).span)
        #expect(whole == .message(ByteBuffer(repeating: 7, count: 65_536)))
    }

    @Test func endsComeAfterWhatWasSent() {
        var inbound = InboundMessages(limit: 100)
        _ = inbound.onBytes(framed([1]).span)
        #expect(inbound.onEnd(failure: RPCStatus(.notFound, "gone")) == nil)
        #expect(inbound.onBytes(framed([2]).span) == nil)
        #expect(inbound.onNext() == message([1]))
        #expect(code(inbound.onNext()) == .notFound)
        var good = InboundMessages(limit: 100)
        #expect(good.onNext() == .wait)
        #expect(good.onEnd() == .end && good.onNext() == .end)
    }

    @Test func aFailureDropsWhatWasSent() {
        var inbound = InboundMessages(limit: 100)
        _ = inbound.onBytes(framed([1]).span)
        #expect(inbound.onFailed(RPCStatus(.cancelled, "")) == nil)
        #expect(inbound.waitingBytes == 0 && code(inbound.onNext()) == .cancelled)
        #expect(inbound.onEnd() == nil && inbound.onFailed(RPCStatus(.internal, "")) == nil)
        var awaited = InboundMessages(limit: 100)
        _ = awaited.onNext()
        #expect(code(awaited.onFailed(RPCStatus(.cancelled, ""))) == .cancelled)
    }

    @Test func badFramesFailTheReader() {
        var inbound = InboundMessages(limit: 3)
        #expect(inbound.onBytes(framed([1, 2, 3, 4]).span) == nil)
        #expect(code(inbound.onNext()) == .resourceExhausted && code(inbound.onNext()) == .resourceExhausted)
        var flagged = InboundMessages(limit: 3)
        _ = flagged.onNext()
        #expect(code(flagged.onBytes(framed([1], flag: 1).span)) == .internal)
        var cut = InboundMessages(limit: 3)
        _ = cut.onBytes([0, 0, 0, 0, 2, 1].span)
        _ = cut.onEnd()
        #expect(code(cut.onNext()) == .internal)
    }

    @Test func aReaderWhoGaveUpMissesNothing() {
        var inbound = InboundMessages(limit: 100)
        #expect(inbound.onNext() == .wait)
        #expect(inbound.onBytes([0, 0, 0].span) == nil)
        inbound.onGivenUp()
        #expect(inbound.onBytes([0, 1, 5].span) == nil)
        #expect(inbound.onNext() == message([5]))
    }

    @Test(arguments: [1, 2, 3, 7, 64])
    func anyCutOfTheBytesGivesTheSameMessages(size: Int) {
        var inbound = InboundMessages(limit: 100)
        var bytes: [UInt8] = []
        for count in 0..<40 { bytes += framed([UInt8](repeating: UInt8(count), count: count)) }
        var seen = 0
        var start = 0
        var pending: InboundMessages.Step? = inbound.onNext()
        while start < bytes.count {
            let end = min(bytes.count, start + size)
            if let step = inbound.onBytes(bytes.span.extracting(start..<end)) { pending = step }
            start = end
            while let step = pending, step != .wait {
                #expect(step == message([UInt8](repeating: UInt8(seen), count: seen)))
                seen += 1
                pending = inbound.onNext()
            }
        }
        #expect(seen == 40 && inbound.takeCredit() == bytes.count)
    }
}

@Suite struct OutboundMessagesTests {
    private func read(_ outbound: inout OutboundMessages, _ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let filled = bytes.withUnsafeMutableBytes { outbound.read(into: $0) }
        return Array(bytes[..<filled])
    }

    @Test func aSenderWaitsAboveTheLimit() {
        var outbound = OutboundMessages(limit: 20)
        #expect(outbound.onSend(ByteBuffer(bytes: [1, 2, 3])) == .sent)
        #expect(outbound.onSend(ByteBuffer(bytes: [4, 5, 6, 7, 8, 9, 10, 11])) == .wait)
        #expect(outbound.queuedBytes == 21 && outbound.settled() == nil)
        #expect(read(&outbound, 6) == [0, 0, 0, 0, 3, 1])
        #expect(outbound.hasRoom && outbound.settled() == .sent)
        #expect(read(&outbound, 100) == [2, 3, 0, 0, 0, 0, 8, 4, 5, 6, 7, 8, 9, 10, 11])
        #expect(outbound.queuedBytes == 0 && !outbound.isExhausted)
        #expect(read(&outbound, 100) == [])
    }

    @Test func largeMessagesKeepTheirPlace() {
        var outbound = OutboundMessages(limit: 1 << 20)
        let large = ByteBuffer(repeating: 8, count: OutboundMessages.maxCopiedBytes + 1)
        for message in [ByteBuffer(bytes: [1]), large, ByteBuffer(bytes: [2]), large, ByteBuffer()] {
            #expect(outbound.onSend(message, isCompressed: message == large) == .sent)
        }
        var bytes: [UInt8] = []
        while outbound.queuedBytes > 0 { bytes += read(&outbound, 1_000) }
        let prefix: [UInt8] = [1, 0, 0, 0x10, 1]
        let body = Array(large.readableBytesView)
        #expect(bytes == [0, 0, 0, 0, 1, 1] + prefix + body + [0, 0, 0, 0, 1, 2] + prefix + body + [0, 0, 0, 0, 0])
        #expect(outbound.onSend(ByteBuffer(bytes: [3])) == .sent)
        #expect(read(&outbound, 9) == [0, 0, 0, 0, 1, 3])
    }

    @Test func endingsCountOnce() {
        var outbound = OutboundMessages(limit: 20)
        _ = outbound.onSend(ByteBuffer(bytes: [1]))
        #expect(outbound.onFinish(.failure(RPCStatus(.aborted, ""))) == true)
        #expect(outbound.onFinish(.success(trailers: CallMetadata())) == false)
        #expect(
            outbound.onSend(ByteBuffer()) == .failure(RPCStatus(.internal, "a message after the end of the stream")))
        #expect(!outbound.isExhausted)
        _ = read(&outbound, 100)
        #expect(outbound.isExhausted && outbound.ending == .failure(RPCStatus(.aborted, "")))
    }

    @Test func aCallThatIsOverTakesNothing() {
        var outbound = OutboundMessages(limit: 2)
        #expect(outbound.onSend(ByteBuffer(bytes: [1])) == .wait)
        outbound.onClosed(RPCStatus(.cancelled, "gone"))
        #expect(outbound.queuedBytes == 0)
        #expect(outbound.settled() == .failure(RPCStatus(.cancelled, "gone")))
        #expect(outbound.onSend(ByteBuffer()) == .failure(RPCStatus(.cancelled, "gone")))
        var answered = OutboundMessages(limit: 2)
        answered.onClosed(nil)
        #expect(answered.onSend(ByteBuffer()) == .closed)
    }
}

@Suite struct CompressionTests {
    private func encoding(_ list: String) -> MessageEncoding { MessageEncoding.best(of: Array(list.utf8).span) }

    @Test func gzipComesBackAsItWas() throws {
        let text = ByteBuffer(string: String(repeating: "over and over ", count: 5_000))
        let packed = try #require(MessageDeflater.deflate(text))
        #expect(packed.readableBytes < text.readableBytes / 50)
        #expect(try MessageInflater(limit: text.readableBytes).inflate(packed, .gzip) == text)
        #expect(try MessageInflater(limit: 1).inflate(text, .identity) == text)
        #expect(
            MessageDeflater.deflate(ByteBuffer()) == nil && MessageDeflater.deflate(ByteBuffer(bytes: [1, 2])) == nil)
    }

    @Test func bombsAreRefusedWhileTheyGrow() throws {
        let bomb = try #require(MessageDeflater.deflate(ByteBuffer(repeating: 0, count: 50_000_000)))
        #expect(bomb.readableBytes < 300_000)
        #expect(throws: FramingError.inflatesTooLarge(limit: 1 << 20)) {
            try MessageInflater(limit: 1 << 20).inflate(bomb, .gzip)
        }
        let exact = try #require(MessageDeflater.deflate(ByteBuffer(repeating: 0, count: 1_001)))
        #expect(throws: FramingError.inflatesTooLarge(limit: 1_000)) {
            try MessageInflater(limit: 1_000).inflate(exact, .gzip)
        }
    }

    @Test func noiseIsNoGzip() throws {
        var packed = try #require(MessageDeflater.deflate(ByteBuffer(repeating: 3, count: 5_000)))
        func refuses(_ bytes: ByteBuffer) {
            #expect(throws: FramingError.badCompression) { try MessageInflater(limit: 10_000).inflate(bytes, .gzip) }
        }
        refuses(ByteBuffer(bytes: [1, 2, 3]))
        refuses(ByteBuffer())
        refuses(try #require(packed.getSlice(at: 0, length: packed.readableBytes - 1)))
        // The checksum stands at the end.
        packed.setInteger(UInt8(0x55), at: packed.writerIndex - 6)
        refuses(packed)
        var trailed = try #require(MessageDeflater.deflate(ByteBuffer(repeating: 3, count: 5_000)))
        trailed.writeInteger(UInt8(0))
        refuses(trailed)
    }

    @Test func encodingsAreNegotiated() {
        #expect(encoding("identity,deflate,gzip") == .gzip && encoding("identity, gzip") == .gzip)
        #expect(
            encoding("identity") == .identity && encoding("") == .identity && encoding("gzipped, x-gzip") == .identity)
        #expect(MessageEncoding(Array("gzip".utf8).span) == .gzip)
        #expect(MessageEncoding(Array("deflate".utf8).span) == nil)
    }
}
