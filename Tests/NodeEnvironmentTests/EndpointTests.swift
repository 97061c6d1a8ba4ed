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
