// gRPC messages in pieces of any size, plain and compressed.

import GRPCFraming
import NIOCore

package struct MessagesTarget: FuzzTarget {
    private static let limit = 4_096
    package let name = "messages"
    package let keptBytes = 0
    package let seeds: [[UInt8]] = [
        [4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3],
        [9, 0, 0, 0, 0, 40] + [UInt8](repeating: 5, count: 40),
        // "aaaa…", deflated and wrapped by gzip.
        [
            255, 1, 0, 0, 0, 23, 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b, 0x4c, 0xa4, 0x3d, 0, 0, 0x5b, 0x9c, 0x58,
            0x1f,
            0x64, 0, 0,
        ],
    ]

    package init() {}

    package func run(_ input: [UInt8]) throws {
        let size = max(1, Int(input.first ?? 1))
        try cut(input, size)
        try read(input, size)
    }

    /// A unary call's way: messages are cut as the bytes come.
    private func cut(_ input: [UInt8], _ size: Int) throws {
        var decoder = MessageDecoder(limit: Self.limit)
        decoder.encoding = .gzip
        var message = ByteBuffer()
        var largest = 0
        var start = 1
        while start < input.count {
            let end = min(input.count, start + size)
            var offset = 0
            do throws(FramingError) {
                while offset < end - start {
                    let isWhole = try decoder.decode(input.span.extracting(start..<end), from: &offset, into: &message)
                    guard isWhole else { continue }
                    if decoder.isCompressed {
                        let content = try MessageInflater(limit: Self.limit).inflate(message, .gzip)
                        largest = max(largest, content.readableBytes)
                    }
                    largest = max(largest, message.readableBytes)
                    message.clear()
                }
            } catch {
                break
            }
            start = end
        }
        if largest > Self.limit { try refuse(largest) }
    }

    /// A stream's way: messages are cut when the reader asks.
    private func read(_ input: [UInt8], _ size: Int) throws {
        var messages = InboundMessages(limit: Self.limit)
        messages.onEncoding(.gzip)
        var credit = 0
        var start = 1
        while start < input.count {
            let end = min(input.count, start + size)
            if case .message(let message) = messages.onBytes(input.span.extracting(start..<end)),
                message.readableBytes > Self.limit
            {
                return try refuse(message.readableBytes)
            }
            while case .message(let message) = messages.onNext() {
                if message.readableBytes > Self.limit { return try refuse(message.readableBytes) }
            }
            credit += messages.takeCredit()
            start = end
        }
        guard credit <= max(0, input.count - 1) else {
            throw FuzzFinding("\(credit) bytes of credit for \(input.count - 1)")
        }
    }

    private func refuse(_ count: Int) throws { throw FuzzFinding("a message of \(count) bytes passed") }
}
