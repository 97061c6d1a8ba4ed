// The envelope of all tokens.
//
//   offset  bytes  field
//   0       1      kind: 1 item, 2 session, 3 cursor of a stream
//   1       1      version: 1
//   2       4      key id, little-endian
//   6       16     first 128 bits of HMAC-SHA-256 over kind, version, key id and payload, big-endian
//   22      -      payload, of the kind
//
// Valid: known kind and version, at most 256 bytes (a cursor: 256 KiB), code verifies, the payload reads to its end.

/// Seals and opens payloads.
package enum SealedToken {
    package enum Kind: UInt8, Sendable {
        case item = 1
        case session = 2
        case cursor = 3

        /// Phones carry the first two; a cursor names every log of a region.
        package var maxBytes: Int { self == .cursor ? SealedToken.maxCursorBytes : SealedToken.maxBytes }
    }

    package static let version: UInt8 = 1
    package static let headerBytes = 22
    package static let maxBytes = 256
    package static let maxCursorBytes = 256 << 10
    package static let maxPayloadBytes = maxBytes - headerBytes

    /// Bytes before the code: what is signed together with the payload.
    private static let signedHeaderBytes = 6

    /// The payload is what `write` appends; `capacity` says how much that will be at most. Nil when it is too long for a
    /// token. One allocation.
    package static func seal(
        _ kind: Kind, with keyring: TokenKeyring, capacity: Int, write: (inout ByteWriter) -> Void
    ) -> [UInt8]? {
        var writer = ByteWriter(reservingCapacity: headerBytes + capacity)
        writer.write(kind.rawValue)
        writer.write(version)
        writer.write(keyring.signingID)
        writer.write(Digest128.zero)
        write(&writer)
        guard writer.count <= kind.maxBytes else { return nil }
        let code = signature(of: writer.bytes, with: keyring)
        writer.overwrite(code.high.bigEndian, at: signedHeaderBytes)
        writer.overwrite(code.low.bigEndian, at: signedHeaderBytes + 8)
        return writer.bytes
    }

    private static func signature(of bytes: [UInt8], with keyring: TokenKeyring) -> Digest128 {
        let span = unsafe bytes.span.bytes
        return keyring.sign(span.extracting(first: signedHeaderBytes), span.extracting(droppingFirst: headerBytes))
    }

    /// A reader at the verified payload.
    package static func open(
        _ kind: Kind, _ bytes: [UInt8], with keyring: TokenKeyring
    ) throws(TokenError) -> ByteReader {
        guard bytes.count <= kind.maxBytes else { throw .malformed("longer than \(kind.maxBytes) bytes") }
        var reader = ByteReader(bytes)
        let header = try reading { () throws(ByteCodingError) in
            (
                try reader.read(UInt8.self), try reader.read(UInt8.self), try reader.read(UInt32.self),
                try reader.readDigest()
            )
        }
        guard header.0 == kind.rawValue else { throw .malformed("kind \(header.0)") }
        guard header.1 == version else { throw .malformed("version \(header.1)") }
        let span = unsafe bytes.span.bytes
        try keyring.verify(
            header.3, of: span.extracting(first: signedHeaderBytes), span.extracting(droppingFirst: headerBytes),
            keyID: header.2)
        return reader
    }

    /// Turns a coding error into a token's.
    package static func reading<Value>(_ body: () throws(ByteCodingError) -> Value) throws(TokenError) -> Value {
        do { return try body() } catch { throw .malformed(error.description) }
    }
}
