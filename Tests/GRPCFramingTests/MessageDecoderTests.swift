// Length-prefixed messages, whole, in pieces, too large and damaged.

import GRPCFraming
import NIOCore
import Testing

@Suite struct MessageDecoderTests {
    private func frame(_ message: [UInt8], flag: UInt8 = 0) -> [UInt8] {
        let prefix = MessagePrefix(length: message.count)
        return [flag] + (1..<5).map { prefix[$0] } + message
    }

    /// Feeds `bytes` in pieces of `size` and returns the messages.
    private func decode(_ bytes: [UInt8], piecesOf size: Int, limit: Int = 1_000) throws -> [[UInt8]] {
        var decoder = MessageDecoder(limit: limit)
        var message = ByteBuffer()
        var messages: [[UInt8]] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            let piece = Array(bytes[start..<min(start + size, bytes.count)])
            var offset = 0
            while try decoder.decode(piece.span, from: &offset, into: &message) {
                messages.append(Array(message.readableBytesView))
                message.clear()
                if offset == piece.count { break }
            }
        }
        return messages
    }

    @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 64, 4_096])
    func messagesComeOutWhateverThePieces(size: Int) throws {
        let sent: [[UInt8]] = [[1, 2, 3], [], Array(repeating: 9, count: 300), [0]]
        #expect(try decode(sent.flatMap { frame($0) }, piecesOf: size) == sent)
    }

    @Test func aMessageAtTheLimitPassesAndOneBeyondDoesNot() throws {
        #expect(try decode(frame(Array(repeating: 1, count: 10)), piecesOf: 4, limit: 10).count == 1)
        #expect(throws: FramingError.tooLarge(length: 11, limit: 10)) {
            try decode(frame(Array(repeating: 1, count: 11)), piecesOf: 4, limit: 10)
        }
        // The length alone is enough: no byte of the message is waited for.
        #expect(throws: FramingError.tooLarge(length: Int(UInt32.max), limit: 10)) {
            try decode([0, 255, 255, 255, 255], piecesOf: 5, limit: 10)
        }
    }

    @Test func flagsAreChecked() {
        #expect(throws: FramingError.compressed) { try decode(frame([1], flag: 1), piecesOf: 9) }
        #expect(throws: FramingError.badFlag(2)) { try decode(frame([1], flag: 2), piecesOf: 1) }
        #expect(FramingError.compressed.status.code == .internal)
        #expect(FramingError.badFlag(2).status.code == .internal)
        #expect(FramingError.tooLarge(length: 2, limit: 1).status.code == .resourceExhausted)
    }

    @Test func anAnnouncedLengthReservesLittle() throws {
        var decoder = MessageDecoder()
        var message = ByteBuffer()
        var offset = 0
        let prefix: [UInt8] = [0, 0, 0x30, 0, 0]
        #expect(try !decoder.decode(prefix.span, from: &offset, into: &message))
        #expect(decoder.isInsideMessage)
        #expect(message.capacity <= 2 * MessageDecoder.maxReservedAhead)
    }

    @Test func aPrefixIsFiveBytes() {
        let prefix = MessagePrefix(length: 0x0102_0304)
        #expect((0..<MessagePrefix.byteCount).map { prefix[$0] } == [0, 1, 2, 3, 4])
    }
}
