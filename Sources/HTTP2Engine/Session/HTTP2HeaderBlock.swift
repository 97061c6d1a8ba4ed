// Headers on their way out, flat in memory.

import CNghttp2

/// A list of headers. Building one costs two allocations; a constant block costs none a call.
package struct HTTP2HeaderBlock: Sendable {
    private var bytes: [UInt8] = []
    private var fields: [(nameCount: Int, valueCount: Int)] = []

    package init() {}

    package var count: Int { fields.count }

    /// Appends a header. `name` is lower case.
    package mutating func append(_ name: StaticString, _ value: StaticString) {
        append(name)
        unsafe bytes.append(contentsOf: UnsafeBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount))
        fields.append((name.utf8CodeUnitCount, value.utf8CodeUnitCount))
    }

    package mutating func append(_ name: StaticString, _ value: [UInt8]) {
        append(name)
        bytes.append(contentsOf: value)
        fields.append((name.utf8CodeUnitCount, value.count))
    }

    package mutating func append(_ name: String, _ value: [UInt8]) {
        bytes.append(contentsOf: name.utf8)
        let nameCount = name.utf8.count
        bytes.append(contentsOf: value)
        fields.append((nameCount, value.count))
    }

    private mutating func append(_ name: StaticString) {
        unsafe bytes.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    }

    /// Calls `body` with the list as the library takes it. The library copies what it keeps.
    func withVectors<Value>(_ body: (UnsafePointer<nghttp2_nv>?, Int) -> Value) -> Value {
        unsafe withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: max(1, fields.count)) { vectors in
            unsafe bytes.withUnsafeBufferPointer { raw in
                // The library declares its input mutable but does not write to it.
                var cursor = unsafe UnsafeMutablePointer(mutating: raw.baseAddress)
                for (index, field) in fields.enumerated() {
                    let value = unsafe cursor?.advanced(by: field.nameCount)
                    let vector = unsafe nghttp2_nv(
                        name: cursor, value: value, namelen: field.nameCount, valuelen: field.valueCount, flags: 0)
                    unsafe vectors.initializeElement(at: index, to: vector)
                    unsafe cursor = value?.advanced(by: field.valueCount)
                }
                return unsafe body(UnsafePointer(vectors.baseAddress), fields.count)
            }
        }
    }
}
