// Standard types on the wire: integers little-endian and fixed-width (Int as 64 bits), Bool and Optional one byte that
// is 0 or 1, strings and arrays behind a LEB128 count.

package import ClusterModel

extension UInt8: Wire {}
extension UInt16: Wire {}
extension UInt32: Wire {}
extension UInt64: Wire {}
extension Int8: Wire {}
extension Int16: Wire {}
extension Int32: Wire {}
extension Int64: Wire {}

extension FixedWidthInteger where Self: Wire & BitwiseCopyable {
    package func encode(into writer: inout ByteWriter) { writer.write(self) }

    package init(from reader: inout ByteReader) throws(ByteCodingError) { self = try reader.read(Self.self) }
}

extension Int: Wire {
    package func encode(into writer: inout ByteWriter) { writer.write(Int64(self)) }

    package init(from reader: inout ByteReader) throws(ByteCodingError) {
        self = Int(clamping: try reader.read(Int64.self))
    }
}

extension Bool: Wire {
    package func encode(into writer: inout ByteWriter) { writer.write(UInt8(self ? 1 : 0)) }

    package init(from reader: inout ByteReader) throws(ByteCodingError) {
        let offset = reader.offset
        switch try reader.read(UInt8.self) {
        case 0: self = false
        case 1: self = true
        default: throw ByteCodingError(.invalidValue(field: "Bool"), at: offset)
        }
    }
}

extension String: Wire {
    package func encode(into writer: inout ByteWriter) { writer.write(self) }

    package init(from reader: inout ByteReader) throws(ByteCodingError) {
        self = try reader.readString(limit: WireLimits.stringBytes)
    }
}

extension Optional: Wire where Wrapped: Wire {
    package func encode(into writer: inout ByteWriter) {
        (self != nil).encode(into: &writer)
        self?.encode(into: &writer)
    }

    package init(from reader: inout ByteReader) throws(ByteCodingError) {
        self = try Bool(from: &reader) ? try Wrapped(from: &reader) : nil
    }
}

extension Array: Wire where Element: Wire {
    package func encode(into writer: inout ByteWriter) {
        if let bytes = self as? [UInt8] { return writer.write(lengthPrefixed: bytes) }
        writer.writeVarint(UInt64(count))
        for element in self { element.encode(into: &writer) }
    }

    /// An element takes at least one byte, so that a count cannot promise more elements than there are bytes.
    package init(from reader: inout ByteReader) throws(ByteCodingError) {
        if Element.self == UInt8.self {
            let bytes = Array<UInt8>(try reader.readLengthPrefixed(limit: WireLimits.arrayElements))
            if let elements = bytes as? [Element] { self = elements; return }
        }
        let offset = reader.offset
        let count = try reader.readVarint()
        let limit = Swift.min(WireLimits.arrayElements, reader.remaining)
        guard count <= UInt64(clamping: limit) else {
            throw ByteCodingError(.tooLong(length: count, limit: limit), at: offset)
        }
        self = []
        for _ in 0..<Int(clamping: count) { append(try Element(from: &reader)) }
    }
}
