// Reading of canonical bytes from disk, peers and clients. Every length is checked against what is there before anything
// is allocated; no input traps.

/// What is wrong with some bytes, and where.
package struct ByteCodingError: Error, Hashable, CustomStringConvertible {
    package enum Reason: Hashable, Sendable {
        /// `needed` more bytes were wanted than are there.
        case truncated(needed: Int)
        /// A LEB128 number that is too long, or not in its shortest form.
        case malformedVarint
        /// A length above the limit of its field.
        case tooLong(length: UInt64, limit: Int)
        case invalidUTF8
        /// A field has a value that its type does not allow.
        case invalidValue(field: String)
        /// Bytes are left over after the value.
        case trailingBytes(Int)
    }

    package var reason: Reason
    /// Bytes from the start of the input.
    package var offset: Int

    package init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    package var description: String {
        let what =
            switch reason {
            case .truncated(let needed): "\(needed) bytes missing"
            case .malformedVarint: "malformed variable-length number"
            case .tooLong(let length, let limit): "length \(length) above the limit of \(limit)"
            case .invalidUTF8: "text is not UTF-8"
            case .invalidValue(let field): "invalid value of \(field)"
            case .trailingBytes(let count): "\(count) bytes left over"
            }
        return "\(what) at byte \(offset)"
    }
}

/// A cursor over a range of an array of bytes. Copies of it are independent cursors over the same bytes.
package struct ByteReader: Sendable {
    private let bytes: ArraySlice<UInt8>
    /// Where `bytes` begin: what positions are counted from.
    private let origin: Int
    /// The next byte to read, from the start of the input.
    package private(set) var offset: Int
    /// One past the last byte that may be read.
    package let end: Int

    package init(_ bytes: [UInt8]) { self.init(bytes[...]) }

    /// Reads a part of a larger array in place. Positions count from the start of the part.
    package init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        origin = bytes.startIndex
        offset = 0
        end = bytes.count
    }

    /// Reads within `range` only. A range outside the array is cut to it.
    package init(_ bytes: [UInt8], in range: Range<Int>) { self.init(bytes[...], in: range) }

    /// The same for a part of an array, from the start of which `range` counts.
    package init(_ bytes: ArraySlice<UInt8>, in range: Range<Int>) {
        self.bytes = bytes
        origin = bytes.startIndex
        let inside = range.clamped(to: 0..<bytes.count)
        offset = inside.lowerBound
        end = inside.upperBound
    }

    package var remaining: Int { end - offset }
    package var isAtEnd: Bool { offset == end }

    // Concrete widths: see ByteWriter.
    package mutating func read(_ type: UInt8.Type = UInt8.self) throws(ByteCodingError) -> UInt8 { try load() }
    package mutating func read(_ type: UInt16.Type = UInt16.self) throws(ByteCodingError) -> UInt16 { try load() }
    package mutating func read(_ type: UInt32.Type = UInt32.self) throws(ByteCodingError) -> UInt32 { try load() }
    package mutating func read(_ type: UInt64.Type = UInt64.self) throws(ByteCodingError) -> UInt64 { try load() }
    package mutating func read(_ type: Int64.Type = Int64.self) throws(ByteCodingError) -> Int64 { try load() }

    /// Any other width.
    package mutating func read<T: FixedWidthInteger & BitwiseCopyable>(
        _ type: T.Type = T.self
    ) throws(ByteCodingError) -> T {
        try load()
    }

    @inline(__always)
    private mutating func load<T: FixedWidthInteger & BitwiseCopyable>() throws(ByteCodingError) -> T {
        try require(MemoryLayout<T>.size)
        let value = unsafe bytes.span.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: T.self)
        offset += MemoryLayout<T>.size
        return T(littleEndian: value)
    }

    package mutating func readDigest() throws(ByteCodingError) -> Digest128 {
        let high = try read(UInt64.self).bigEndian
        return Digest128(high: high, low: try read(UInt64.self).bigEndian)
    }

    /// Unsigned LEB128; refuses any but the shortest form, so that a value has one encoding.
    package mutating func readVarint() throws(ByteCodingError) -> UInt64 {
        let start = offset
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte = try read(UInt8.self)
            guard shift < 63 || (shift == 63 && byte <= 1) else { throw ByteCodingError(.malformedVarint, at: start) }
            value |= UInt64(byte & 0x7f) << shift
            if byte & 0x80 == 0 {
                guard byte != 0 || shift == 0 else { throw ByteCodingError(.malformedVarint, at: start) }
                return value
            }
            shift += 7
        }
    }

    package mutating func readBytes(_ count: Int) throws(ByteCodingError) -> ArraySlice<UInt8> {
        try require(count)
        defer { offset += count }
        return bytes[origin + offset..<origin + offset + count]
    }

    /// A LEB128 length of at most `limit`, then that many bytes.
    package mutating func readLengthPrefixed(limit: Int) throws(ByteCodingError) -> ArraySlice<UInt8> {
        let start = offset
        let length = try readVarint()
        guard length <= UInt64(clamping: limit) else {
            throw ByteCodingError(.tooLong(length: length, limit: limit), at: start)
        }
        return try readBytes(Int(clamping: length))
    }

    /// Length-prefixed UTF-8 of at most `limit` bytes.
    package mutating func readString(limit: Int) throws(ByteCodingError) -> String {
        let start = offset
        let slice = try readLengthPrefixed(limit: limit)
        guard let text = String(validating: slice, as: UTF8.self) else {
            throw ByteCodingError(.invalidUTF8, at: start)
        }
        return text
    }

    /// Throws when bytes are left.
    package func expectEnd() throws(ByteCodingError) {
        guard isAtEnd else { throw ByteCodingError(.trailingBytes(remaining), at: offset) }
    }

    private func require(_ count: Int) throws(ByteCodingError) {
        guard count >= 0, remaining >= count else {
            throw ByteCodingError(.truncated(needed: count - remaining), at: offset)
        }
    }
}
