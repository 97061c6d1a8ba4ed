// HTTP/2 frames made by hand, right and wrong ones (RFC 9113 section 4.1).

import NIOCore

/// A frame as it stands on the wire; nothing is checked.
struct RawFrame: Hashable, Sendable {
    enum Kind: UInt8, Sendable {
        case data = 0
        case headers = 1
        case priority = 2
        case resetStream = 3
        case settings = 4
        case pushPromise = 5
        case ping = 6
        case goAway = 7
        case windowUpdate = 8
        case continuation = 9
        /// No frame of RFC 9113: must be ignored.
        case unknown = 0xbb
    }

    var kind: UInt8
    var flags: UInt8
    var stream: UInt32
    var payload: [UInt8]

    init(_ kind: Kind, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []) {
        self.kind = kind.rawValue
        self.flags = flags
        self.stream = stream
        self.payload = payload
    }

    static let endStream: UInt8 = 1
    static let acknowledgement: UInt8 = 1
    static let endHeaders: UInt8 = 4
    static let padded: UInt8 = 8

    var bytes: [UInt8] {
        let count = payload.count
        return [UInt8(count >> 16 & 0xff), UInt8(count >> 8 & 0xff), UInt8(count & 0xff), kind, flags]
            + Self.number(stream) + payload
    }

    static func number(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }

    /// Reads a frame off the front of `buffer`, once it is whole.
    init?(from buffer: inout ByteBuffer) {
        let start = buffer.readerIndex
        guard let head = buffer.getBytes(at: start, length: 9) else { return nil }
        let count = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
        guard let payload = buffer.getBytes(at: start + 9, length: count) else { return nil }
        buffer.moveReaderIndex(to: start + 9 + count)
        kind = head[3]
        flags = head[4]
        stream = UInt32(head[5]) << 24 | UInt32(head[6]) << 16 | UInt32(head[7]) << 8 | UInt32(head[8])
        self.payload = payload
    }

    /// The error code of RST_STREAM or GOAWAY.
    var errorCode: UInt32? {
        let start =
            switch kind {
            case Kind.resetStream.rawValue: 0
            case Kind.goAway.rawValue: 4
            default: Int.max
            }
        guard start < payload.count, payload.count >= start + 4 else { return nil }
        return payload[start..<start + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }
}

/// What a client sends first, and requests.
enum RawHTTP2 {
    static let magic = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    /// Magic and empty SETTINGS.
    static let preface = magic + RawFrame(.settings).bytes

    static let request: [(String, String)] = [
        (":method", "POST"), (":scheme", "http"), (":path", "/test.Echo/Echo"), (":authority", "test"),
        ("content-type", "application/grpc"), ("te", "trailers"),
    ]

    /// Literals without indexing (RFC 7541 section 6.2.2), each string shorter than 127 bytes or by the long form.
    static func block(_ headers: [(String, String)]) -> [UInt8] {
        headers.flatMap { name, value in [0] + text(name) + text(value) }
    }

    private static func text(_ text: String) -> [UInt8] {
        var rest = text.utf8.count
        guard rest >= 127 else { return [UInt8(rest)] + text.utf8 }
        var length: [UInt8] = [127]
        rest -= 127
        while rest >= 128 {
            length.append(UInt8(rest & 0x7f) | 0x80)
            rest >>= 7
        }
        return length + [UInt8(rest)] + text.utf8
    }

    /// HEADERS that open a call; `ends` closes the stream's half too.
    static func open(
        _ stream: UInt32, ends: Bool = false, _ headers: [(String, String)] = request
    ) -> [UInt8] {
        let flags = RawFrame.endHeaders | (ends ? RawFrame.endStream : 0)
        return RawFrame(.headers, flags: flags, stream: stream, block(headers)).bytes
    }

    /// One whole message of `count` bytes.
    static func message(_ stream: UInt32, count: Int, ends: Bool = true) -> [UInt8] {
        let prefix: [UInt8] = [0] + RawFrame.number(UInt32(count))
        return RawFrame(
            .data, flags: ends ? RawFrame.endStream : 0, stream: stream, prefix + [UInt8](repeating: 7, count: count)
        ).bytes
    }
}
