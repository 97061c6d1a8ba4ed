// SHA-256 and HMAC-SHA-256 (FIPS 180-4, RFC 2104), computed by OpenSSL.

private import COpenSSL

/// One-shot SHA-256. Thread-safe; allocates nothing.
package struct SHA256: Sendable {
    /// The 32 bytes of a digest as four big-endian words.
    package struct Hash: Hashable, Sendable {
        package let words: (UInt64, UInt64, UInt64, UInt64)

        /// The first 128 bits.
        package var prefix128: Digest128 { Digest128(high: words.0, low: words.1) }

        package var bytes: [UInt8] {
            [words.0, words.1, words.2, words.3].flatMap { word in
                (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * UInt64($0))) }
            }
        }

        package static func == (lhs: Self, rhs: Self) -> Bool { lhs.words == rhs.words }

        package func hash(into hasher: inout Hasher) {
            hasher.combine(words.0)
            hasher.combine(words.1)
        }

        fileprivate init(raw: InlineArray<32, UInt8>) {
            func word(_ start: Int) -> UInt64 {
                var value: UInt64 = 0
                for index in start..<start + 8 { value = value << 8 | UInt64(raw[index]) }
                return value
            }
            words = (word(0), word(8), word(16), word(24))
        }
    }

    private var context = SHA256_CTX()

    package init() { _ = unsafe SHA256_Init(&context) }

    package mutating func update(_ bytes: borrowing RawSpan) {
        unsafe bytes.withUnsafeBytes { raw in _ = unsafe SHA256_Update(&context, raw.baseAddress, raw.count) }
    }

    /// The digest of all that was fed. The value is spent afterwards.
    package mutating func finalize() -> Hash {
        var output = InlineArray<32, UInt8>(repeating: 0)
        var bytes = output.mutableSpan
        unsafe bytes.withUnsafeMutableBufferPointer { raw in _ = unsafe SHA256_Final(raw.baseAddress, &context) }
        return Hash(raw: output)
    }

    package mutating func update(_ bytes: [UInt8]) {
        unsafe bytes.withUnsafeBytes { raw in _ = unsafe SHA256_Update(&context, raw.baseAddress, raw.count) }
    }

    package static func hash(_ bytes: borrowing RawSpan) -> Hash {
        var state = SHA256()
        state.update(bytes)
        return state.finalize()
    }

    package static func hash(_ bytes: [UInt8]) -> Hash {
        var state = SHA256()
        state.update(bytes)
        return state.finalize()
    }

    package static func hash(_ bytes: ArraySlice<UInt8>) -> Hash {
        unsafe hash(bytes.span.bytes)
    }

    package static func hash(utf8 text: String) -> Hash { hash(Array(text.utf8)) }

    /// HMAC-SHA-256 (RFC 2104). A key longer than 64 bytes is hashed first, as the RFC says.
    package static func authenticationCode(of message: [UInt8], key: [UInt8]) -> Hash {
        unsafe AuthenticationKey(key).code(of: message.span.bytes, [UInt8]().span.bytes)
    }
}

/// A key of HMAC-SHA-256 with its two key blocks hashed already: a code costs the blocks of the message and one more, and
/// allocates nothing.
package struct AuthenticationKey: Sendable {
    private let inner: SHA256
    private let outer: SHA256

    /// A key longer than 64 bytes is hashed first, as RFC 2104 says.
    package init(_ key: [UInt8]) {
        var block = key.count > 64 ? SHA256.hash(key).bytes : key
        block.append(contentsOf: repeatElement(0, count: 64 - block.count))
        var inner = SHA256()
        inner.update(block.map { $0 ^ 0x36 })
        var outer = SHA256()
        outer.update(block.map { $0 ^ 0x5c })
        self.inner = inner
        self.outer = outer
    }

    /// The code of a message that lies in two pieces.
    package func code(of first: borrowing RawSpan, _ second: borrowing RawSpan) -> SHA256.Hash {
        var inner = inner
        inner.update(first)
        inner.update(second)
        let words = inner.finalize().words
        let digest: InlineArray<4, UInt64> = [
            words.0.bigEndian, words.1.bigEndian, words.2.bigEndian, words.3.bigEndian,
        ]
        var outer = outer
        unsafe outer.update(digest.span.bytes)
        return outer.finalize()
    }
}
