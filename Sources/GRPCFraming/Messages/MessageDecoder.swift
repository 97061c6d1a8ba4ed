// Length-prefixed messages (grpc/doc/PROTOCOL-HTTP2.md): one flag byte, a length of four bytes, the message.
//
//   offset  bytes  field
//   0       1      1 = compressed, 0 = not
//   1       4      length of the message, big-endian
//   5       length message

package import NIOCore

/// The five bytes before a message.
package struct MessagePrefix: Hashable, Sendable {
    package static let byteCount = 5

    /// The prefix of an uncompressed message, in the low 40 bits, first byte on top.
    package let bits: UInt64

    /// `length` is at most `UInt32.max`: message limits lie far below.
    package init(length: Int) { bits = UInt64(UInt32(clamping: length)) }

    package subscript(index: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: bits >> (8 * UInt64(Self.byteCount - 1 - index)))
    }
}

/// Why the bytes of a call are not a message.
package enum FramingError: Error, Hashable, Sendable {
    /// The flag says compressed, but no encoding was named.
    case compressed
    /// The flag is neither 0 nor 1.
    case badFlag(UInt8)
    case tooLarge(length: Int, limit: Int)
    /// A compressed message that cannot be read.
    case badCompression
    /// A compressed message that grows beyond the limit.
    case inflatesTooLarge(limit: Int)

    /// What the caller is told (grpc/doc/statuscodes.md).
    package var status: RPCStatus {
        switch self {
        case .compressed: RPCStatus(.internal, "a compressed message in a call without grpc-encoding")
        case .badFlag(let flag): RPCStatus(.internal, "message flag \(flag) is not 0 or 1")
        case .tooLarge(let length, let limit):
            RPCStatus(.resourceExhausted, "a message of \(length) bytes is larger than the limit of \(limit)")
        case .badCompression: RPCStatus(.internal, "a compressed message cannot be read")
        case .inflatesTooLarge(let limit):
            RPCStatus(.resourceExhausted, "a compressed message grows beyond the limit of \(limit) bytes")
        }
    }
}

/// Cuts messages out of a stream of bytes that arrives in pieces of any size. After an error it must not be fed again.
package struct MessageDecoder: Sendable {
    /// What an absent setting means: 4 MiB, as in other gRPC libraries.
    package static let defaultLimit = 4 << 20
    /// A sender may announce much and send little: no more than this is reserved ahead of the bytes.
    package static let maxReservedAhead = 64 << 10

    /// How messages are compressed that say so. Set it before the first byte.
    package var encoding = MessageEncoding.identity
    /// Whether the last complete message (or the one that is being read) is compressed.
    package private(set) var isCompressed = false
    package let limit: Int
    private var prefixFilled = 0
    private var length = 0
    private var missing = 0

    /// `limit` bounds one message, in bytes without the prefix.
    package init(limit: Int = Self.defaultLimit) { self.limit = limit }

    /// Whether bytes of an unfinished message (or prefix) were taken.
    package var isInsideMessage: Bool { prefixFilled > 0 }

    /// Takes bytes from `offset` on and appends the message's to `message`. True when a message is complete; the next one
    /// starts at `offset` then. False when all bytes were taken. Complexity: O(bytes).
    package mutating func decode(
        _ bytes: Span<UInt8>, from offset: inout Int, into message: inout ByteBuffer
    ) throws(FramingError) -> Bool {
        while prefixFilled < MessagePrefix.byteCount {
            guard offset < bytes.count else { return false }
            try takePrefix(bytes[offset], into: &message)
            offset += 1
        }
        let count = min(missing, bytes.count - offset)
        if count > 0 {
            unsafe message.writeBytes(bytes.extracting(offset..<offset + count).bytes)
            offset += count
            missing -= count
        }
        guard missing == 0 else { return false }
        prefixFilled = 0
        return true
    }

    private mutating func takePrefix(_ byte: UInt8, into message: inout ByteBuffer) throws(FramingError) {
        if prefixFilled == 0 {
            guard byte <= 1 else { throw .badFlag(byte) }
            isCompressed = byte == 1
            guard !isCompressed || encoding != .identity else { throw .compressed }
            length = 0
        } else {
            length = length << 8 | Int(byte)
        }
        prefixFilled += 1
        guard prefixFilled == MessagePrefix.byteCount else { return }
        guard length <= limit else { throw .tooLarge(length: length, limit: limit) }
        missing = length
        message.reserveCapacity(minimumWritableBytes: min(length, Self.maxReservedAhead))
    }
}
