// Errors: reason, facts and the wish to wait reach the caller; damaged details do no harm.

import GRPCFraming
import MeridianProtocol
import NodeEnvironment
import Testing

@testable import MeridianClient

@Suite struct MeridianClientErrorTests {
    @Test func reasonFactsAndDelayAreRead() {
        let status = RPCStatus.server(
            .resourceExhausted, "BACKLOG_FULL", retryAfter: .milliseconds(1_250), metadata: [("server_time_ms", "17")])
        let error = MeridianClientError(status)
        #expect(error.code == .overloaded)
        #expect(error.reason == "BACKLOG_FULL")
        #expect(error.metadata == ["server_time_ms": "17"])
        #expect(error.retryAfter == .milliseconds(1_250))
        #expect(error.isTransient)
        #expect(error.description == "overloaded (BACKLOG_FULL): said the server")
    }

    @Test func aStatusWithoutDetailsKeepsCodeAndMessage() {
        for code in RPCStatusCode.allCases {
            let error = MeridianClientError(RPCStatus(code, "m"))
            #expect(error.message == "m")
            #expect(error.reason.isEmpty)
        }
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func damagedDetailsNeverTrap(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let sound = RPCStatus.server(.unavailable, "NODE_DRAINING", retryAfter: .seconds(1)).details
        for _ in 0..<500 {
            var bytes = sound
            for _ in 0...(generator.next() % 4) {
                bytes[Int(generator.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: generator.next())
            }
            if generator.next() % 3 == 0 { bytes = Array(bytes.prefix(Int(generator.next() % UInt64(bytes.count)))) }
            let error = MeridianClientError(RPCStatus(.unavailable, "m", details: bytes))
            #expect(error.code == .unavailable, "seed \(seed)")
            #expect((error.retryAfter ?? .zero) >= .zero, "seed \(seed)")
            #expect((error.retryAfter ?? .zero) <= .seconds(3_601), "seed \(seed)")
        }
    }

    private static func failure(_ endpoint: String, _ message: String, _ milliseconds: Int) -> RegionFailure {
        RegionFailure(
            region: "r", endpoint: endpoint, MeridianClientError(.unavailable, message),
            elapsed: .milliseconds(milliseconds))
    }

    /// A cause that came again is said once, with how often it came.
    @Test func aCauseIsSaidOnce() {
        var error = MeridianClientError(.unavailable, "cannot be reached")
        error.attempts = (1...8).map { Self.failure("a:1", "cannot be reached", $0) }
        #expect(error.description == "unavailable: cannot be reached; tried 8 times")
        error.attempts =
            (1...4).map { Self.failure("a:1", "reset", $0) } + [Self.failure("b:2", "cannot be reached", 5)]
        #expect(error.description.ranges(of: "reset").count == 1, "\(error)")
        #expect(error.description.contains("reset, 4 times; r (b:2) after"), "\(error)")
    }
}
