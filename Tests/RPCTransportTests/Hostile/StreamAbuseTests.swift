// Calls that arrive too late, and messages that are not what they seem.

import GRPCFraming
import HostEnvironment
import NIOCore
import NodeEnvironment
import RPCTransport
import Testing

@Suite(.serialized, .timeLimit(.minutes(2))) struct StreamAbuseTests {
    private static func request(_ method: String, _ more: [(String, String)] = []) -> [(String, String)] {
        RawHTTP2.request.map { $0.0 == ":path" ? ($0.0, "/test.Streams/\(method)") : $0 } + more
    }

    /// A message of any size, in frames of the size that every peer takes.
    private static func message(_ stream: UInt32, flag: UInt8, _ bytes: [UInt8]) -> [UInt8] {
        let framed = [flag] + RawFrame.number(UInt32(bytes.count)) + bytes
        var frames: [UInt8] = []
        for start in Swift.stride(from: 0, to: framed.count, by: 16_384) {
            let end = min(framed.count, start + 16_384)
            frames +=
                RawFrame(
                    .data, flags: end == framed.count ? RawFrame.endStream : 0, stream: stream,
                    Array(framed[start..<end])
                ).bytes
        }
        return frames
    }

    /// Sends calls, and waits until as many were answered.
    private func converse(_ calls: [[UInt8]], with server: StreamServer) async throws {
        let count = calls.count
        _ = try await RawPeer.converse(
            RawHTTP2.preface + calls.flatMap { $0 }, with: server.listener.endpoint, pool: server.pool.group,
            until: { answer in
                let ended = answer.frames.filter { frame in
                    frame.kind == RawFrame.Kind.headers.rawValue && frame.flags & RawFrame.endStream != 0
                }
                return ended.count == count
            })
    }

    @Test func expiredCallsAreDroppedBeforeTheyRun() async throws {
        try await StreamServer.with { server, _ in
            let late = [("grpc-timeout", "0n")]
            try await converse(
                [
                    RawHTTP2.open(1, Self.request("Unary", late)) + RawHTTP2.message(1, count: 3),
                    RawHTTP2.open(3, Self.request("Hang", late)) + RawHTTP2.message(3, count: 3),
                ], with: server)
            let counters = server.listener.counters
            #expect(counters.callsExpired == 2 && counters.calls == 0)
        }
    }

    @Test func bombsNoiseAndFlagsEndTheirCallsOnly() async throws {
        try await StreamServer.with { server, channel in
            let zeros = try #require(MessageDeflater.deflate(ByteBuffer(repeating: 0, count: 10_000_000)))
            let bomb = Array(zeros.readableBytesView)
            let gzip = [("grpc-encoding", "gzip")]
            try await converse(
                [
                    RawHTTP2.open(1, Self.request("Unary", gzip)) + Self.message(1, flag: 1, bomb),
                    RawHTTP2.open(3, Self.request("Count", gzip)) + Self.message(3, flag: 1, bomb),
                    RawHTTP2.open(5, Self.request("Count", gzip)) + Self.message(5, flag: 1, [1, 2, 3]),
                    RawHTTP2.open(7, Self.request("Count")) + Self.message(7, flag: 1, bomb),
                    RawHTTP2.open(9, Self.request("Count")) + Self.message(9, flag: 2, [1]),
                    RawHTTP2.open(11, ends: true, Self.request("Count", [("grpc-encoding", "br")])),
                ], with: server)
            let counters = server.listener.counters
            #expect(counters.callsFailed == 4 && counters.callsRefused == 2)
            let stream = try channel.open("Count")
            stream.finishSending()
            let counted = try await stream.rest()
            #expect(counted == ["0 0"])
        }
    }

    @Test func unfinishedMessagesAreBoundedOverAllStreams() async throws {
        var limits = TransportLimits()
        limits.maxBufferedBytes = 40_000
        try await StreamServer.with(limits: limits) { server, _ in
            // Each announces more than it sends; their readers wait.
            let calls = [1, 3, 5].map { stream in
                RawHTTP2.open(stream, Self.request("Count"))
                    + RawFrame(
                        .data, stream: stream,
                        [0] + RawFrame.number(1_000_000) + [UInt8](repeating: 1, count: 16_000)
                    ).bytes
            }
            let answer = try await RawPeer.converse(
                RawHTTP2.preface + calls.flatMap { $0 }, with: server.listener.endpoint, pool: server.pool.group,
                every: nil,
                until: { answer in answer.frames.contains { $0.kind == RawFrame.Kind.headers.rawValue } })
            #expect(!answer.isClosed)
            #expect(server.listener.counters.callsFailed == 1)
        }
    }
}
