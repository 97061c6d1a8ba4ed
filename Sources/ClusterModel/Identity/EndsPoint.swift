// Which ends record of an origin's chain something stands on (S1a).

/// Names one ends record: its number, which is the incarnation whose log holds it, and its digest. A state's *base* is the
/// last one that it applied: everything of the line below that incarnation is fixed.
package struct EndsPoint: Hashable, Sendable {
    /// 0 before any ends record.
    package var number: Incarnation
    package var digest: Digest128

    package init(number: Incarnation, digest: Digest128) {
        self.number = number
        self.digest = digest
    }

    /// Before any ends record of the line.
    package static let genesis = EndsPoint(number: Incarnation(0), digest: .zero)

    /// Bytes of an encoded point: number u64, digest 16 bytes.
    package static let byteCount = 24
}

extension ByteWriter {
    /// 24 bytes: number u64 little-endian, then the digest, big-endian as digests are.
    package mutating func write(_ point: EndsPoint) {
        write(point.number.rawValue)
        write(point.digest)
    }
}

extension ByteReader {
    /// Throws ByteCodingError for fewer than 24 bytes.
    package mutating func readEndsPoint() throws(ByteCodingError) -> EndsPoint {
        let number = Incarnation(try read())
        return EndsPoint(number: number, digest: try readDigest())
    }
}

extension EndsPoint: CustomStringConvertible {
    /// The number in hexadecimal.
    package var description: String {
        self == .genesis ? "genesis" : "ends record \(String(number.rawValue, radix: 16))"
    }
}
