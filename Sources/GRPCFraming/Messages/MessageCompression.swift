// Compression of single messages (grpc/doc/compression.md): gzip, in bounded memory.

private import CZlib
package import NIOCore

/// What `grpc-encoding` names.
package enum MessageEncoding: Hashable, Sendable {
    case identity
    case gzip

    /// Value of `grpc-accept-encoding`: everything that this library reads.
    package static let accepted: StaticString = "identity, gzip"

    /// Nil for an encoding that this library does not read.
    package init?(_ name: Span<UInt8>) {
        if name.equals("identity") {
            self = .identity
        } else if name.equals("gzip") {
            self = .gzip
        } else {
            return nil
        }
    }

    /// What to compress with for a peer whose `grpc-accept-encoding` is `list`.
    package static func best(of list: Span<UInt8>) -> MessageEncoding {
        var start = 0
        for index in 0...list.count where index == list.count || list[index] == UInt8(ascii: ",") {
            while start < index, list[start] == UInt8(ascii: " ") { start += 1 }
            if list.extracting(start..<index).equals("gzip") { return .gzip }
            start = index + 1
        }
        return .identity
    }
}

/// Inflates whole messages.
package struct MessageInflater: Sendable {
    /// What one step may produce; also the first guess at a message's size.
    private static let stepBytes = 16 << 10

    private let limit: Int

    /// `limit` bounds an inflated message: what would be larger is refused while it grows.
    package init(limit: Int) { self.limit = limit }

    /// The content of `message`. Complexity: O(message + content).
    package func inflate(
        _ message: ByteBuffer, _ encoding: MessageEncoding
    ) throws(FramingError) -> ByteBuffer {
        guard encoding == .gzip else { return message }
        var stream = unsafe z_stream()
        guard unsafe meridian_inflate_init(&stream) == Z_OK else { throw .badCompression }
        defer { unsafe _ = inflateEnd(&stream) }
        var content = ByteBuffer()
        let code = unsafe message.withUnsafeReadableBytes { source in
            // The library declares its input mutable but does not write to it.
            unsafe stream.next_in = UnsafeMutablePointer(
                mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))
            unsafe stream.avail_in = UInt32(clamping: source.count)
            var code = Z_OK
            while code == Z_OK, content.readableBytes <= limit { code = unsafe Self.step(&stream, into: &content) }
            return code
        }
        guard content.readableBytes <= limit else { throw .inflatesTooLarge(limit: limit) }
        guard code == Z_STREAM_END, unsafe stream.avail_in == 0 else { throw .badCompression }
        return content
    }

    private static func step(_ stream: inout z_stream, into content: inout ByteBuffer) -> Int32 {
        var code = Z_OK
        unsafe content.writeWithUnsafeMutableBytes(minimumWritableBytes: stepBytes) { target in
            unsafe stream.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
            unsafe stream.avail_out = UInt32(clamping: target.count)
            code = unsafe CZlib.inflate(&stream, Z_NO_FLUSH)
            return target.count - Int(unsafe stream.avail_out)
        }
        return code
    }
}

/// Deflates whole messages.
package enum MessageDeflater {
    /// Fast rather than small: messages are compressed on the loop.
    private static let level: Int32 = 1

    /// `message` as gzip; nil where it would not become smaller, or memory is short. Complexity: O(message).
    package static func deflate(_ message: ByteBuffer) -> ByteBuffer? {
        var stream = unsafe z_stream()
        guard unsafe meridian_deflate_init(&stream, level) == Z_OK else { return nil }
        defer { unsafe _ = deflateEnd(&stream) }
        var packed = ByteBuffer()
        let code = unsafe message.withUnsafeReadableBytes { source in
            unsafe stream.next_in = UnsafeMutablePointer(
                mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))
            unsafe stream.avail_in = UInt32(clamping: source.count)
            var code = Z_OK
            // One byte of room less than the message has: what does not fit is not worth it.
            unsafe packed.writeWithUnsafeMutableBytes(minimumWritableBytes: max(1, source.count)) { target in
                let room = max(0, source.count - 1)
                unsafe stream.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
                unsafe stream.avail_out = UInt32(clamping: room)
                code = unsafe CZlib.deflate(&stream, Z_FINISH)
                return room - Int(unsafe stream.avail_out)
            }
            return code
        }
        return code == Z_STREAM_END ? packed : nil
    }
}
