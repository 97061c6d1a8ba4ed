// The percent-encoding of `grpc-message` (grpc/doc/PROTOCOL-HTTP2.md): printable ASCII but "%" stands for itself.

/// Encodes and decodes `grpc-message`.
package enum PercentEncoding {
    private static let digits = Array("0123456789ABCDEF".utf8)

    /// The encoded UTF-8 of `text`, no longer than `limit` bytes; what does not fit is left out, never half a byte.
    package static func encode(_ text: String, limit: Int) -> [UInt8] {
        var encoded: [UInt8] = []
        for byte in text.utf8 {
            let isPlain = (0x20...0x7e).contains(byte) && byte != UInt8(ascii: "%")
            guard encoded.count + (isPlain ? 1 : 3) <= limit else { break }
            if isPlain {
                encoded.append(byte)
            } else {
                encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return encoded
    }

    /// The text of `encoded`. A "%" without two hexadecimal digits stands for itself; bytes that are not UTF-8 are
    /// replaced: a message is for people and must not fail a call.
    package static func decode(_ encoded: Span<UInt8>) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(encoded.count)
        var index = 0
        while index < encoded.count {
            if encoded[index] == UInt8(ascii: "%"), index + 2 < encoded.count,
                let high = nibble(encoded[index + 1]), let low = nibble(encoded[index + 2])
            {
                bytes.append(high << 4 | low)
                index += 3
            } else {
                bytes.append(encoded[index])
                index += 1
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func nibble(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
