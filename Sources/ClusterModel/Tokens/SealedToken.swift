// The envelope of all tokens.
//
//   offset  bytes  field
//   0       1      kind: 1 item, 2 session
//   1       1      version: 1
//   2       4      key id, little-endian
//   6       16     first 128 bits of HMAC-SHA-256 over kind, version, key id and payload, big-endian
//   22      0-234  payload, of the kind
//
// Valid: known kind and version, at most 256 bytes, code verifies, the payload reads to its end.

/// Seals and opens payloads.
package enum SealedToken {
    package enum Kind: UInt8, Sendable {
        case item = 1
        case session = 2
    }

    package static let version: UInt8 = 1
    package static let headerBytes = 22
    package static let maxBytes = 256
    package static let maxPayloadBytes = maxBytes - headerBytes

    /// Nil when the payload is too long for a token.
    package static func seal(_ kind: Kind, payload: [UInt8], with keyring: TokenKeyring) -> [UInt8]? {
        guard payload.count <= maxPayloadBytes else { return nil }
        let code = keyring.sign(signedBytes(kind, keyID: keyring.signingID, payload: payload[...]))
        var writer = ByteWriter(reservingCapacity: headerBytes + payload.count)
        writer.write(kind.rawValue)
        writer.write(version)
        writer.write(keyring.signingID)
        writer.write(code)
        writer.write(raw: payload)
        return writer.bytes
    }

    /// A reader at the verified payload.
    package static func open(
        _ kind: Kind, _ bytes: [UInt8], with keyring: TokenKeyring
    ) throws(TokenError) -> ByteReader {
        guard bytes.count <= maxBytes else { throw .malformed("longer than \(maxBytes) bytes") }
        var reader = ByteReader(bytes)
        let header = try reading { () throws(ByteCodingError) in
            (
                try reader.read(UInt8.self), try reader.read(UInt8.self), try reader.read(UInt32.self),
                try reader.readDigest()
            )
        }
        guard header.0 == kind.rawValue else { throw .malformed("kind \(header.0)") }
        guard header.1 == version else { throw .malformed("version \(header.1)") }
        let message = signedBytes(kind, keyID: header.2, payload: bytes[headerBytes...])
        try keyring.verify(header.3, of: message, keyID: header.2)
        return reader
    }

    /// Turns a coding error into a token's.
    static func reading<Value>(_ body: () throws(ByteCodingError) -> Value) throws(TokenError) -> Value {
        do { return try body() } catch { throw .malformed(error.description) }
    }

    private static func signedBytes(_ kind: Kind, keyID: UInt32, payload: ArraySlice<UInt8>) -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: 6 + payload.count)
        writer.write(kind.rawValue)
        writer.write(version)
        writer.write(keyID)
        writer.write(raw: payload)
        return writer.bytes
    }
}
