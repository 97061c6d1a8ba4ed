// Peers that are gone, that take nothing, that never finish: each ends in a bounded time, counted.

import ClusterModel
import GRPCFraming
import HostEnvironment
import NIOCore
import NodeEnvironment
import RPCTransport
import Testing

@Suite(.serialized, .timeLimit(.minutes(2))) struct SlowPeerTests {
    /// Steps so short that a test need not wait; one limit of interest at a time.
    private static func limits(_ change: (inout TransportLimits) -> Void) -> TransportLimits {
        var limits = TransportLimits()
        limits.watchStep = .milliseconds(10)
        limits.silentStepsBeforePing = 100_000
        limits.maxStalledSteps = 100_000
        limits.maxTrickleSteps = 100_000
        limits.maxRequestSteps = 100_000
        change(&limits)
        return limits
    }

    @Test func aConnectionWhoseOtherEndIsGoneIsClosed() async throws {
        let limits = Self.limits { $0.silentStepsBeforePing = 2 }
        try await EchoServer.with(limits: limits) { server in
            let answer = try await RawPeer.converse(
                RawHTTP2.preface, with: server.listener.endpoint, pool: server.pool.group)
            #expect(answer.count(.ping) >= 1 && answer.isClosed)
            #expect(server.listener.counters.connectionsSilent == 1)
        }
    }

    @Test func aQuietConnectionThatAnswersPingsStays() async throws {
        let limits = Self.limits { $0.silentStepsBeforePing = 1 }
        try await EchoServer.with(limits: limits) { server in
            try await server.withChannel { channel in
                try await channel.expect("a", from: "Echo", "a")
                // Another connection that says nothing lives through all of its own silence meanwhile.
                _ = try await RawPeer.converse(
                    RawHTTP2.preface, with: server.listener.endpoint, pool: server.pool.group)
                try await channel.expect("b", from: "Echo", "b")
                #expect(server.listener.counters.connectionsAccepted == 2)
                #expect(server.listener.counters.connectionsSilent == 1)
            }
        }
    }

    @Test func aReaderThatTakesNothingIsClosed() async throws {
        let limits = Self.limits { $0.maxStalledSteps = 3 }
        try await EchoServer.with(limits: limits) { server in
            // More than the kernel takes on its own: it would be none of the server's concern.
            let large = RawHTTP2.request.map { $0.0 == ":path" ? ($0.0, "/test.Echo/Large") : $0 }
            let count = Array("4000000".utf8)
            let calls = (0..<8).flatMap { index in
                let stream = UInt32(index * 2 + 1)
                return RawHTTP2.open(stream, large)
                    + RawFrame(
                        .data, flags: RawFrame.endStream, stream: stream,
                        [0] + RawFrame.number(UInt32(count.count)) + count
                    ).bytes
            }
            let windows =
                RawFrame(.settings, [0, 4, 0x7f, 0xff, 0xff, 0xff]).bytes
                + RawFrame(.windowUpdate, RawFrame.number(1 << 30)).bytes
            _ = try await RawPeer.converse(
                RawHTTP2.preface + windows + calls, with: server.listener.endpoint, pool: server.pool.group,
                reads: false, until: { _ in false },
                closing: {
                    server.listener.counters.connectionsStalled == 1
                })
            #expect(server.listener.counters.connectionsStalled == 1)
        }
    }

    @Test func aWindowThatNeverOpensIsClosed() async throws {
        let limits = Self.limits { $0.maxStalledSteps = 3 }
        try await EchoServer.with(limits: limits) { server in
            let shut = RawFrame(.settings, [0, 4, 0, 0, 0, 0]).bytes
            let answer = try await RawPeer.converse(
                RawHTTP2.preface + shut + RawHTTP2.open(1) + RawHTTP2.message(1, count: 1_000),
                with: server.listener.endpoint, pool: server.pool.group)
            #expect(answer.count(.headers) == 1 && answer.count(.data) == 0 && answer.isClosed)
            #expect(server.listener.counters.connectionsStalled == 1)
        }
    }

    @Test func bytesThatNeverMakeAFrameEndTheConnection() async throws {
        let limits = Self.limits { $0.maxTrickleSteps = 4 }
        try await EchoServer.with(limits: limits) { server in
            let frame = RawFrame(.ping, [UInt8](repeating: 0, count: 8)).bytes
            // The preface in one piece, then a byte every few milliseconds, the last ones never.
            let endless = RawFrame(.data, stream: 1, [UInt8](repeating: 0, count: 16_000)).bytes
            let answer = try await RawPeer.converse(
                RawHTTP2.preface + frame + RawHTTP2.open(1) + endless, with: server.listener.endpoint,
                pool: server.pool.group, piecesOf: 200, every: .milliseconds(5))
            #expect(answer.isClosed)
            let counters = server.listener.counters
            #expect(counters.connectionsTrickling == 1, "\(counters)")
        }
    }

    @Test func aRequestThatNeverEndsIsRefused() async throws {
        let limits = Self.limits { $0.maxRequestSteps = 3 }
        try await EchoServer.with(limits: limits) { server in
            let answer = try await RawPeer.converse(
                RawHTTP2.preface + RawHTTP2.open(1) + RawHTTP2.message(1, count: 10, ends: false),
                with: server.listener.endpoint, pool: server.pool.group
            ) { $0.reset(of: 1) != nil }
            // A whole answer, then NO_ERROR for the rest of the request.
            #expect(answer.count(.headers) == 1 && answer.reset(of: 1) == 0)
            let counters = server.listener.counters
            #expect(counters.requestsTimedOut == 1 && counters.callsRefused == 1 && counters.calls == 0)
        }
    }

    @Test func headerListsBeyondTheLimitAreRefused() async throws {
        try await EchoServer.with { server in
            let long = (0..<40).map { ("x-\($0)", String(repeating: "v", count: 500)) }
            let bytes = RawHTTP2.block(RawHTTP2.request + long)
            let first = RawFrame(.headers, stream: 1, Array(bytes.prefix(16_000))).bytes
            let rest = RawFrame(.continuation, flags: 4, stream: 1, Array(bytes.dropFirst(16_000))).bytes
            let answer = try await RawPeer.converse(
                RawHTTP2.preface + first + rest + RawHTTP2.message(1, count: 1), with: server.listener.endpoint,
                pool: server.pool.group
            ) { $0.count(.headers) == 1 || $0.goAway != nil }
            #expect(answer.count(.headers) == 1 && answer.goAway == nil)
            #expect(server.listener.counters.callsRefused == 1)
        }
    }

    // MARK: Age

    @Test func oldConnectionsRetireWithoutAFailedCall() async throws {
        let limits = Self.limits { $0.maxConnectionAge = .milliseconds(30) }
        try await EchoServer.with(limits: limits) { server in
            try await server.withChannel { channel in
                while server.listener.counters.connectionsRetired < 3 {
                    try await channel.expect("on", from: "Echo", "on")
                }
            }
            #expect(server.listener.counters.callsFailed == 0 && server.listener.counters.callsCancelled == 0)
        }
    }
}
