// Endpoints, statuses and seeded randomness: the seam's own values.

import ClusterModel
import GRPCFraming
import NodeEnvironment
import Testing

@Suite struct EndpointTests {
    @Test func endpointsReadBack() {
        for text in ["127.0.0.1:7411", "node.example:0", "[::1]:65535"] {
            #expect(Endpoint(text)?.description == text)
        }
        for bad in ["", "host", ":1", "host:-1", "host:65536", "::1:80", "[]:1", "host:x"] {
            #expect(Endpoint(bad) == nil, "\(bad)")
        }
    }

    @Test(arguments: [
        "127.0.0.999:1", "127.0.0:1", "1.2.3.4.5:1", "010.0.0.1:1", "host:+80", "host:080", "host: 80", "a b:1", "-a:1",
        "a..b:1", "host.:1", "[1::2::3]:1", "[12345::]:1", "[1:2:3:4:5:6:7]:1", "[1:2:3:4:5:6:7:8:9]:1", "[host]:1",
        "[::1.2.3.256]:1", "[127.0.0.1]:1", "h\u{e4}:1", "[::1%]:1", "host:\u{0665}",
    ])
    func hostsAndPortsThatCannotExistAreNone(text: String) { #expect(Endpoint(text) == nil) }

    @Test(arguments: [
        "10.0.0.1:1", "sim-1:7412", "a_b.example:1", "1.example:1", "[::]:1", "[fe80::1%eth0]:1", "[1:2:3:4:5:6:7:8]:1",
        "[::ffff:10.0.0.1]:1", "[2001:db8::]:1",
    ])
    func hostsThatCanExistReadBack(text: String) { #expect(Endpoint(text)?.description == text) }

    @Test func aPortOfZeroReadsBack() {
        #expect(Endpoint("localhost:0")?.port == 0)
    }

    @Test func statusCodesHaveTheirWireNumbers() {
        #expect(RPCStatusCode.allCases.map(\.rawValue) == Array(0...16))
        #expect(RPCStatusCode(rawValue: 14) == .unavailable)
    }

    @Test func metadataKeepsOrderAndBytes() {
        var metadata = CallMetadata()
        metadata.append("a", "1")
        metadata.append("token-bin", bytes: [0, 255])
        metadata.append("a", "2")
        #expect(metadata.first("a") == "1")
        #expect(metadata.firstBytes("token-bin") == [0, 255])
        #expect(metadata.first("none") == nil)
        #expect(metadata.entries.map(\.name) == ["a", "token-bin", "a"])
    }

    /// The reference sequence of SplitMix64 from seed 1234567.
    @Test func seededGeneratorIsSplitMix64() {
        var generator = SeededGenerator(seed: 1_234_567)
        #expect(generator.next() == 6_457_827_717_110_365_317)
        #expect(generator.next() == 3_203_168_211_198_807_973)
    }
}
