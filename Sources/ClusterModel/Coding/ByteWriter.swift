// Writing of canonical bytes: little-endian fixed-width integers, LEB128 lengths, length-prefixed strings. One value has
// one encoding, so encodings can be compared and digested.

/// Appends to an array of bytes that it owns.
package struct ByteWriter: Sendable {
    package private(set) var bytes: [UInt8]

    package init(reservingCapacity capacity: Int = 0) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    /// Goes on after `bytes`.
    package init(appendingTo bytes: consuming [UInt8]) { self.bytes = bytes }

    package var count: Int { bytes.count }

    // Concrete widths: a generic function of another module is not specialised for its callers, and would cost a look-up
    // of witnesses a byte.
    package mutating func write(_ value: UInt8) { bytes.append(value) }
    package mutating func write(_ value: UInt16) { append(value) }
    package mutating func write(_ value: UInt32) { append(value) }
    package mutating func write(_ value: UInt64) { append(value) }
    package mutating func write(_ value: Int64) { append(value) }

    /// Any other width.
    package mutating func write<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) { append(value) }

    @inline(__always)
    private mutating func append<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) {
        unsafe withUnsafeBytes(of: value.littleEndian) { unsafe bytes.append(contentsOf: $0) }
    }

    package mutating func write(_ digest: Digest128) {
        write(digest.high.bigEndian)
        write(digest.low.bigEndian)
    }

    /// Unsigned LEB128, the shortest form.
    package mutating func writeVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    // Concrete, so that callers in other modules get a copy of memory and not a call a byte.
    package mutating func write(raw array: [UInt8]) { bytes.append(contentsOf: array) }

    package mutating func write(raw slice: ArraySlice<UInt8>) { bytes.append(contentsOf: slice) }

    package mutating func write(raw text: String.UTF8View) { bytes.append(contentsOf: text) }

    /// `count` zero bytes; none for a negative count.
    package mutating func write(zeros count: Int) { bytes.append(contentsOf: repeatElement(0, count: max(0, count))) }

    /// A LEB128 length, then the bytes.
    package mutating func write(lengthPrefixed slice: some Collection<UInt8>) {
        writeVarint(UInt64(slice.count))
        bytes.append(contentsOf: slice)
    }

    /// A LEB128 length, then UTF-8.
    package mutating func write(_ text: String) { write(lengthPrefixed: text.utf8) }

    /// Puts `value` over the bytes at `offset`, for lengths and checksums that are known last.
    /// Precondition: the value lies inside what was written.
    package mutating func overwrite(_ value: UInt8, at offset: Int) { put(value, at: offset) }
    package mutating func overwrite(_ value: UInt16, at offset: Int) { put(value, at: offset) }
    package mutating func overwrite(_ value: UInt32, at offset: Int) { put(value, at: offset) }
    package mutating func overwrite(_ value: UInt64, at offset: Int) { put(value, at: offset) }

    private mutating func put<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
        precondition(offset >= 0 && offset + MemoryLayout<T>.size <= bytes.count, "overwrite beyond what was written")
        var span = bytes.mutableSpan
        var raw = unsafe span.mutableBytes
        raw.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
    }
}
