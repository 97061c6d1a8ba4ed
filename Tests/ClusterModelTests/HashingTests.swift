// Known answers of the hashes.

import ClusterModel
import Testing

@Suite struct HashingTests {
    /// RFC 3720, appendix B.4.
    @Test func crc32cKnownAnswers() {
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8a91_36aa)
        #expect(CRC32C.checksum([UInt8](repeating: 0xff, count: 32)) == 0x62a8_ab43)
        #expect(CRC32C.checksum((0..<32).map { UInt8($0) }) == 0x46dd_794e)
        #expect(CRC32C.checksum(Array("123456789".utf8)) == 0xe306_9283)
    }

    @Test func crc32cFormsAgreeAndExtend() {
        let bytes = (0..<1_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        for length in 0..<100 {
            #expect(CRC32C.checksum(Array(bytes[..<length])) == CRC32C.portableChecksum(Array(bytes[..<length])))
        }
        for split in stride(from: 0, through: 1_000, by: 37) {
            let first = CRC32C.checksum(Array(bytes[..<split]))
            #expect(CRC32C.checksum(Array(bytes[split...]), extending: first) == CRC32C.checksum(bytes))
        }
    }

    /// Lengths around the lanes' borders, at every alignment.
    @Test func crc32cLanesAgreeWithTheTable() {
        let bytes = (0..<8_300).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ $0 >> 8) }
        for border in [384, 768, 3_072, 3_456, 6_144, 7_680] {
            for length in border - 9...border + 9 {
                let part = bytes[length % 8..<length % 8 + length]
                #expect(part.checksum(of: 0..<length) == CRC32C.portableChecksum(Array(part)), "\(length)")
            }
        }
    }

    /// FIPS 180-4, the one-block message "abc".
    @Test func sha256KnownAnswer() {
        #expect(SHA256.hash(utf8: "abc").prefix128.description == "ba7816bf8f01cfea414140de5dae2223")
    }

    /// RFC 4231, test cases 2 and 6 (a key longer than a block).
    @Test func hmacKnownAnswers() {
        let second = SHA256.authenticationCode(of: Array("what do ya want for nothing?".utf8), key: Array("Jefe".utf8))
        #expect(second.prefix128.description == "5bdcc146bf60754e6a042426089575c7")
        let sixth = SHA256.authenticationCode(
            of: Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            key: [UInt8](repeating: 0xaa, count: 131))
        #expect(sixth.prefix128.description == "60e431591ee0b67f0d8a26aacbf5b77f")
    }

    @Test func digestArithmeticWraps() {
        let top = Digest128(high: .max, low: .max)
        #expect(top &+ Digest128(high: 0, low: 1) == .zero)
        #expect(Digest128.zero &- Digest128(high: 0, low: 1) == top)
        #expect(Digest128("0123456789abcdef0011223344556677")?.description == "0123456789abcdef0011223344556677")
        #expect(Digest128("0123") == nil)
    }
}
