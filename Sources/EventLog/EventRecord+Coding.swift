// Encoding and decoding of records; the byte table stands in EventRecord.swift. Both are on the path of every record, so
// they go over memory directly, and neither allocates.

import ClusterModel

extension EventRecord {
    /// The records one after the other, `length` bytes of them together, behind `free` zeros.
    package static func encode(_ records: [EventRecord], length: Int, behind free: Int) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: free + length) { buffer, filled in
            let target = UnsafeMutableRawBufferPointer(buffer)
            unsafe target[..<free].initializeMemory(as: UInt8.self, repeating: 0)
            filled = free
            for record in records {
                let end = filled + record.encodedLength
                // The caller added the same lengths up; a mistake there must not write behind the buffer.
                precondition(end <= target.count, "records are longer than announced")
                unsafe record.encode(into: UnsafeMutableRawBufferPointer(rebasing: target[filled..<end]))
                filled = end
            }
        }
    }

    /// Precondition: `target` is `encodedLength` long.
    private func encode(into target: UnsafeMutableRawBufferPointer) {
        unsafe target.storeBytes(of: UInt32(target.count - 4).littleEndian, as: UInt32.self)
        unsafe target.storeBytes(of: kind.rawValue.littleEndian, toByteOffset: 4, as: UInt16.self)
        unsafe target.storeBytes(of: version.littleEndian, toByteOffset: 6, as: UInt16.self)
        unsafe target.storeBytes(of: stamp.rawValue.littleEndian, toByteOffset: 8, as: UInt64.self)
        unsafe target.storeBytes(of: id.time.littleEndian, toByteOffset: 16, as: UInt64.self)
        unsafe target.storeBytes(of: id.client.littleEndian, toByteOffset: 24, as: UInt64.self)
        unsafe content.withUnsafeBytes { source in
            unsafe UnsafeMutableRawBufferPointer(rebasing: target[Self.headerLength...]).copyMemory(from: source)
        }
    }

    /// The record at `position` of `bytes`, counted from their start; moves `position` behind it. Every length is checked
    /// before it is used. Complexity: O(1).
    package init(decoding bytes: ArraySlice<UInt8>, at position: inout Int) throws(BatchError) {
        let span = unsafe bytes.span.bytes
        let rest = span.byteCount - position
        guard rest >= Self.headerLength else {
            throw .malformedRecords("\(Self.headerLength - rest) bytes missing at byte \(position)")
        }
        let length = Int(Self.load(span, at: position, as: UInt32.self))
        let end = 4 + length
        guard end >= Self.headerLength, end <= rest, end - Self.headerLength <= Self.maxBodyLength else {
            throw .malformedRecords("length \(length) at byte \(position)")
        }
        kind = RecordKind(rawValue: Self.load(span, at: position + 4, as: UInt16.self))
        version = Self.load(span, at: position + 6, as: UInt16.self)
        stamp = HybridStamp(rawValue: Self.load(span, at: position + 8, as: UInt64.self))
        id = EventID(
            time: Self.load(span, at: position + 16, as: UInt64.self),
            client: Self.load(span, at: position + 24, as: UInt64.self))
        let start = bytes.startIndex + position
        content = bytes[start + Self.headerLength..<start + end]
        position += end
    }

    @inline(__always)
    private static func load<T: FixedWidthInteger & BitwiseCopyable>(
        _ span: borrowing RawSpan, at offset: Int, as type: T.Type
    ) -> T {
        T(littleEndian: unsafe span.unsafeLoadUnaligned(fromByteOffset: offset, as: type))
    }
}
