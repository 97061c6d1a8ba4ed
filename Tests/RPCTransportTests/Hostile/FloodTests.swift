// Floods: the right code, counted, and nobody else notices.

import HostEnvironment
import NIOCore
import NodeEnvironment
import RPCTransport
import Testing

@Suite(.serialized, .timeLimit(.minutes(2))) struct FloodTests {
    struct Flood: Sendable, CustomTestStringConvertible {
        var name: String
        var bytes: [UInt8]

        var testDescription: String { name }

        /// The preface, `start`, and `count` times what `piece` gives.
        init(_ name: String, count: Int = 3_000, start: [UInt8] = [], _ piece: (Int) -> [UInt8]) {
            self.name = name
            bytes = RawHTTP2.preface + start + (0..<count).flatMap(piece)
        }
    }

    static let enhanceYourCalm: UInt32 = 11

    static let floods: [Flood] = [
        Flood("rapid reset (CVE-2023-44487)") { index in
            let stream = UInt32(index * 2 + 1)
            return RawHTTP2.open(stream) + RawFrame(.resetStream, stream: stream, [0, 0, 0, 8]).bytes
        },
        Flood("resets that we must send (CVE-2025-8671)") { index in
            let stream = UInt32(index * 2 + 1)
            return RawHTTP2.open(stream) + RawFrame(.windowUpdate, stream: stream, [0x7f, 0xff, 0xff, 0xff]).bytes
        },
        Flood("malformed requests") { RawHTTP2.open(UInt32($0 * 2 + 1), ends: true, [("a", "b")]) },
        Flood("PING (CVE-2019-9512)") { _ in RawFrame(.ping, [UInt8](repeating: 0, count: 8)).bytes },
        Flood("SETTINGS (CVE-2019-9515)") { _ in RawFrame(.settings).bytes },
        Flood("empty DATA (CVE-2019-9518)", start: RawHTTP2.open(1)) { _ in RawFrame(.data, stream: 1).bytes },
        Flood("small WINDOW_UPDATE") { _ in RawFrame(.windowUpdate, [0, 0, 0, 1]).bytes },
        Flood("PRIORITY (CVE-2019-9513)", start: RawHTTP2.open(1)) { index in
            RawFrame(.priority, stream: 1, [0, 0, 0, UInt8(2 + index % 2), 16]).bytes
        },
        Flood("CONTINUATION (CVE-2024-27316)", count: 100, start: RawFrame(.headers, stream: 1, [0x83]).bytes) {
            index in
            RawFrame(.continuation, stream: 1, RawHTTP2.block([("x-\(index)", "y")])).bytes
        },
    ]

    @Test(arguments: floods) func floodsEndTheConnection(_ flood: Flood) async throws {
        try await EchoServer.with { server in
            try await server.withChannel { other in
                try await other.expect("before", from: "Echo", "before")
                let answer = try await RawPeer.converse(
                    flood.bytes, with: server.listener.endpoint, pool: server.pool.group)
                // A peer that does not read while it writes may lose the last words to its own reset of the connection.
                #expect(answer.goAway == Self.enhanceYourCalm || answer.goAway == nil, "\(flood.name)")
                #expect(answer.isClosed)
                while server.listener.counters.connectionsClosed == 0 { await Task.yield() }
                let counters = server.listener.counters
                #expect(counters.protocolErrors == 1 && counters.connectionsFlooding == 1, "\(flood.name): \(counters)")
                try await other.expect("after", from: "Echo", "after")
            }
        }
    }

    @Test func whatACallNeedsIsNoFlood() async throws {
        try await EchoServer.with { server in
            let calls = (0..<2_000).flatMap { (index: UInt32) -> [UInt8] in
                let stream = index * 2 + 1
                return RawHTTP2.open(stream) + RawHTTP2.message(stream, count: 10)
            }
            let windows = RawFrame(.windowUpdate, RawFrame.number(64 << 10)).bytes
            let answer = try await RawPeer.converse(
                RawHTTP2.preface + windows + calls, with: server.listener.endpoint, pool: server.pool.group
            ) { $0.count(.headers) + 2 * $0.count(.resetStream) >= 4_000 || $0.goAway != nil }
            #expect(answer.goAway == nil)
        }
    }
}
