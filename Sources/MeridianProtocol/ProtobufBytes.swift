// Lets protobuf read from and write to NIO buffers directly: no array between the transport's bytes and a message.

package import NIOCore
package import SwiftProtobuf

/// The readable bytes of a `ByteBuffer`, for protobuf's decoder and encoder.
package struct ProtobufBytes: SwiftProtobufContiguousBytes {
    package private(set) var buffer: ByteBuffer

    package init(_ buffer: ByteBuffer) { self.buffer = buffer }

    package init(repeating: UInt8, count: Int) { buffer = ByteBuffer(repeating: repeating, count: count) }

    package init<S: Sequence>(_ sequence: S) where S.Element == UInt8 { buffer = ByteBuffer(bytes: sequence) }

    package var count: Int { buffer.readableBytes }

    package func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try unsafe buffer.withUnsafeReadableBytes(body)
    }

    package mutating func withUnsafeMutableBytes<R>(_ body: (UnsafeMutableRawBufferPointer) throws -> R) rethrows -> R {
        try unsafe buffer.withUnsafeMutableReadableBytes(body)
    }
}

extension SwiftProtobuf.Message {
    /// Decodes the readable bytes. Nesting is bounded, so that no message exhausts the stack.
    package init(reading buffer: ByteBuffer) throws {
        var options = BinaryDecodingOptions()
        options.messageDepthLimit = 16
        try self.init(serializedBytes: ProtobufBytes(buffer), options: options)
    }

    /// The encoded message in a buffer of its own.
    package func encodedBuffer() throws -> ByteBuffer {
        let bytes: ProtobufBytes = try serializedBytes()
        return bytes.buffer
    }
}
