// Headers on their way out, flat in memory.

import CNghttp2

/// A list of headers. Building one costs an allocation or two; a constant block costs none a call.
///
///   bytes  one field after the other
///   4      length of the name
///   4      length of the value
///   name, value
package struct HTTP2HeaderBlock: Sendable {
    private static let lengthBytes = 8

    /// One array, so that a block that is passed on counts one reference.
    private var bytes: [UInt8] = []
    package private(set) var count = 0

    package init() {}

    /// Appends a header. `name` is lower case.
    package mutating func append(_ name: StaticString, _ value: StaticString) {
        begin(name.utf8CodeUnitCount, value.utf8CodeUnitCount)
        append(name)
        append(value)
    }

    package mutating func append(_ name: StaticString, _ value: [UInt8]) {
        begin(name.utf8CodeUnitCount, value.count)
        append(name)
        bytes.append(contentsOf: value)
    }

    package mutating func append(_ name: String, _ value: [UInt8]) {
        begin(name.utf8.count, value.count)
        bytes.append(contentsOf: name.utf8)
        bytes.append(contentsOf: value)
    }

    private mutating func begin(_ nameCount: Int, _ valueCount: Int) {
        count += 1
        for length in [nameCount, valueCount] {
            for shift in stride(from: 0, through: 24, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: length >> shift))
            }
        }
    }

    private mutating func append(_ text: StaticString) {
        unsafe bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Calls `body` with the list as the library takes it. The library copies what it keeps.
    func withVectors<Value>(_ body: (UnsafePointer<nghttp2_nv>?, Int) -> Value) -> Value {
        unsafe withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: max(1, count)) { vectors in
            unsafe bytes.withUnsafeBytes { raw in
                var offset = 0
                for index in 0..<count {
                    let nameCount = Int(
                        UInt32(littleEndian: unsafe raw.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
                    let valueCount = Int(
                        UInt32(littleEndian: unsafe raw.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)))
                    offset += Self.lengthBytes
                    // The library declares its input mutable but does not write to it.
                    let name = unsafe UnsafeMutablePointer(
                        mutating: raw.baseAddress?.advanced(by: offset).assumingMemoryBound(to: UInt8.self))
                    let vector = unsafe nghttp2_nv(
                        name: name, value: name?.advanced(by: nameCount), namelen: nameCount, valuelen: valueCount,
                        flags: 0)
                    unsafe vectors.initializeElement(at: index, to: vector)
                    offset += nameCount + valueCount
                }
                return unsafe body(UnsafePointer(vectors.baseAddress), count)
            }
        }
    }
}
