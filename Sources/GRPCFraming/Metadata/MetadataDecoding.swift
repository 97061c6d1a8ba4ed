// Custom metadata from the wire, within limits.

/// Collects a call's custom metadata.
package struct MetadataDecoder: Sendable {
    /// Entries of one header block. The bytes are bounded by the HTTP/2 header list limit.
    package static let maxEntries = 64

    package private(set) var metadata = CallMetadata()
    /// Whether something had to be refused: too many entries, or "-bin" without base64.
    package private(set) var isMalformed = false

    package init() {}

    /// Takes one header whose name is `FieldName.custom`. A binary value may hold several, split by commas.
    package mutating func onHeader(_ name: Span<UInt8>, _ value: Span<UInt8>) {
        let text = String(decoding: name.copied(), as: UTF8.self)
        guard name.ends(with: "-bin") else { return append(text, value.copied()) }
        var start = 0
        for index in 0...value.count where index == value.count || value[index] == UInt8(ascii: ",") {
            guard let bytes = Base64.decode(value, in: start..<index) else {
                isMalformed = true
                return
            }
            append(text, bytes)
            start = index + 1
        }
    }

    private mutating func append(_ name: String, _ value: [UInt8]) {
        guard metadata.entries.count < Self.maxEntries else {
            isMalformed = true
            return
        }
        metadata.append(name, bytes: value)
    }
}

extension CallMetadata {
    /// Calls `body` with each entry as it goes on the wire. Entries whose names gRPC does not allow, and texts with bytes
    /// that HTTP/2 does not allow in a value, are left out.
    package func forEachEncoded(_ body: (_ name: String, _ value: [UInt8]) -> Void) {
        for entry in entries where FieldName.isSendable(entry.name) {
            if entry.name.hasSuffix("-bin") {
                body(entry.name, Base64.encode(entry.value))
            } else if entry.value.allSatisfy({ (0x20...0x7e).contains($0) }) {
                body(entry.name, entry.value)
            }
        }
    }
}
