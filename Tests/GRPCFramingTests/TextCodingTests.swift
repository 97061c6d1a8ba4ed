// Timeouts, percent-encoding and base64: both ways, at their edges, and on anything at all.

import GRPCFraming
import NIOCore
import Testing

@Suite struct TextCodingTests {
    private func timeout(_ text: String) -> Duration? { CallTimeout.parse(Array(text.utf8).span) }

    @Test func timeoutsAreRead() {
        #expect(timeout("1n") == .nanoseconds(1))
        #expect(timeout("250u") == .microseconds(250))
        #expect(timeout("100m") == .milliseconds(100))
        #expect(timeout("00000003S") == .seconds(3))
        #expect(timeout("2M") == .seconds(120))
        #expect(timeout("99999999H") == .nanoseconds(Int64.max))
        for bad in ["", "S", "1", "1s", "-1S", "1 S", "123456789S", "1.5S", "１S"] {
            #expect(timeout(bad) == nil, "\(bad)")
        }
    }

    @Test func timeoutsAreWrittenInTheFinestUnitThatHolds() {
        func format(_ nanoseconds: Int64) -> String {
            String(decoding: CallTimeout.format(nanoseconds: nanoseconds), as: UTF8.self)
        }
        #expect(format(-5) == "0n")
        #expect(format(0) == "0n")
        #expect(format(99_999_999) == "99999999n")
        // Rounded up: a callee must not give up before its caller.
        #expect(format(100_000_001) == "100001u")
        #expect(format(30_000_000_000) == "30000000u")
        #expect(format(200_000_000_000) == "200000m")
        #expect(format(.max) == "2562048H")
    }

    @Test(arguments: ["", "plain", "100 %", "%", "%4", "%zz", "grün\n", "\u{0}\u{7f}", "日本"])
    func percentEncodingGoesBothWays(text: String) {
        let encoded = PercentEncoding.encode(text, limit: 1_000)
        #expect(encoded.allSatisfy { (0x20...0x7e).contains($0) })
        #expect(PercentEncoding.decode(encoded.span) == text)
    }

    @Test func percentEncodingKeepsItsLimitAndForgives() {
        #expect(PercentEncoding.encode("aü", limit: 3) == Array("a".utf8))
        #expect(PercentEncoding.encode("aü", limit: 4) == Array("a%C3".utf8))
        #expect(PercentEncoding.decode(Array("50% off %4".utf8).span) == "50% off %4")
        #expect(PercentEncoding.decode(Array("%ff".utf8).span) == "\u{fffd}")
    }

    /// The vectors of RFC 4648 section 10, without their padding.
    @Test func base64IsThatOfTheStandard() {
        let vectors = ["": "", "f": "Zg", "fo": "Zm8", "foo": "Zm9v", "foob": "Zm9vYg", "fooba": "Zm9vYmE"]
        for (plain, encoded) in vectors {
            #expect(Base64.encode(Array(plain.utf8)) == Array(encoded.utf8))
            #expect(Base64.decode(Array(encoded.utf8).span, in: 0..<encoded.utf8.count) == Array(plain.utf8))
        }
        #expect(Base64.decode(Array("Zg==".utf8).span, in: 0..<4) == Array("f".utf8))
        #expect(Base64.decode(Array("Zm8=".utf8).span, in: 0..<4) == Array("fo".utf8))
        for bad in ["Z", "Zm9vY", "Zm 9", "Z===", "Zm-_"] {
            #expect(Base64.decode(Array(bad.utf8).span, in: 0..<bad.utf8.count) == nil, "\(bad)")
        }
    }

    @Test(arguments: [UInt64(1), 2, 3])
    func anyBytesGoThroughBase64(seed: UInt64) {
        var state = seed
        for count in 0..<100 {
            let bytes = (0..<count).map { _ -> UInt8 in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 33)
            }
            let encoded = Base64.encode(bytes)
            #expect(Base64.decode(encoded.span, in: 0..<encoded.count) == bytes, "seed \(seed)")
        }
    }
}
