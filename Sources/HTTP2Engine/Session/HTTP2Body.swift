// A body on its way out: known at once, or asked for piece by piece.

package import NIOCore

/// Up to eight bytes and then a buffer, so that a prefix needs no copy of what it precedes.
package struct HTTP2Body: Sendable {
    private var prefix: UInt64 = 0
    private var prefixCount = 0
    private var buffer: ByteBuffer

    package init(_ buffer: ByteBuffer) { self.buffer = buffer }

    /// `prefix` holds `prefixCount` (at most 8) bytes in its low bits, the first on top.
    package init(prefix: UInt64, prefixCount: Int, _ buffer: ByteBuffer) {
        self.prefix = prefix
        self.prefixCount = min(max(0, prefixCount), 8)
        self.buffer = buffer
    }

    package var count: Int { prefixCount + buffer.readableBytes }

    /// Moves the first bytes into `target` and returns how many: as many as fit, which may be fewer than the prefix.
    mutating func read(into target: UnsafeMutableRawBufferPointer) -> Int {
        var filled = 0
        while prefixCount > 0, filled < target.count {
            prefixCount -= 1
            unsafe target[filled] = UInt8(truncatingIfNeeded: prefix >> (8 * UInt64(prefixCount)))
            filled += 1
        }
        let count = min(buffer.readableBytes, target.count - filled)
        if count > 0 {
            unsafe buffer.withUnsafeReadableBytes { source in
                unsafe UnsafeMutableRawBufferPointer(rebasing: target[filled..<filled + count])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<count]))
            }
            buffer.moveReaderIndex(forwardBy: count)
        }
        return filled + count
    }
}

/// Gives a body's bytes as the peer's windows allow. Asked during `send` only; must not touch the session.
package protocol HTTP2BodySource: AnyObject {
    /// Moves the next bytes into `target`. No bytes and no end: the source is asked again after `HTTP2Session.resume`.
    func read(into target: UnsafeMutableRawBufferPointer) -> HTTP2BodyPiece
}

/// What a source gave.
package struct HTTP2BodyPiece: Sendable {
    package enum End: Sendable {
        /// More may follow.
        case none
        case end
        case trailers(HTTP2HeaderBlock)
    }

    package var count: Int
    package var end: End

    package init(count: Int, end: End = .none) {
        self.count = count
        self.end = end
    }
}
