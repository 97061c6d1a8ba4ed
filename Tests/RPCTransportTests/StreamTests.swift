// Streaming calls over real sockets of the loopback interface.

import ClusterModel
import GRPCFraming
import HTTP2Engine
import HostEnvironment
import NIOCore
import NodeEnvironment
import RPCTransport
import Synchronization
import Testing

@Suite(.serialized) struct StreamTests {
    @Test func messagesGoBothWaysInTurn() async throws {
        try await StreamServer.with { server, channel in
            var metadata = CallMetadata()
            metadata.append("x-name", "value")
            metadata.append("x-raw-bin", bytes: [0, 255])
            let stream = try channel.open("Echo", metadata: metadata)
            for number in 0..<100 {
                try await stream.send(ByteBuffer(string: "message \(number)"))
                let answer = try await stream.next()
                #expect(answer == ByteBuffer(string: "message \(number)"))
            }
            let head = try await stream.head()
            #expect(head == metadata)
            stream.finishSending()
            let end = try await stream.next()
            #expect(end == nil)
            #expect(stream.trailers.first("count") == "100")
        }
    }

    @Test func anEmptyStreamEndsWell() async throws {
        try await StreamServer.with { server, channel in
            let stream = try channel.open("Echo")
            stream.finishSending()
            let texts = try await stream.rest()
            #expect(texts == [])
            #expect(stream.trailers.first("count") == "0")
        }
    }

    @Test(arguments: [(1, 0), (5_000, 3), (300, 10_000), (3, 3_000_000)])
    func clientStreamsAndServerStreams(count: Int, size: Int) async throws {
        try await StreamServer.with { server, channel in
            let up = try channel.open("Count")
            for _ in 0..<count { try await up.send(ByteBuffer(repeating: 1, count: size)) }
            up.finishSending()
            let counted = try await up.rest()
            #expect(counted == ["\(count) \(count * size)"])
            let down = try channel.open("Produce")
            try await down.send(ByteBuffer(string: "\(count) \(size)"))
            down.finishSending()
            var received = 0
            while let message = try await down.next() {
                #expect(message.readableBytes == size)
                received += 1
            }
            #expect(received == count)
        }
    }

    @Test func anEarlyAnswerEndsTheSending() async throws {
        try await StreamServer.with { server, channel in
            let stream = try channel.open("Early")
            let texts = try await stream.rest()
            #expect(texts == ["early"])
            let goesOn = try await stream.send(ByteBuffer(string: "late"))
            #expect(!goesOn)
        }
    }

    @Test func aFailureComesAfterTheMessagesBeforeIt() async throws {
        try await StreamServer.with { server, channel in
            let stream = try channel.open("Fail")
            try await stream.send(ByteBuffer(string: "once"))
            let answer = try await stream.next()
            #expect(answer == ByteBuffer(string: "once"))
            let status = await #expect(throws: RPCStatus.self) { _ = try await stream.next() }
            #expect(status == RPCStatus(.notFound, "nothing here", details: [9]))
            let unknown = try channel.open("Nothing")
            let missing = await #expect(throws: RPCStatus.self) { _ = try await unknown.next() }
            #expect(missing?.code == .unimplemented)
        }
    }

    @Test func droppingAStreamCancelsItsHandler() async throws {
        try await StreamServer.with { server, channel in
            try await hangOnce(server, channel)
            while server.service.cancelled.load(ordering: .relaxed) == 0 { await Task.yield() }
        }
    }

    private func hangOnce(_ server: StreamServer, _ channel: any CallChannel) async throws {
        let stream = try channel.open("Hang", within: nil)
        while server.service.hanging.load(ordering: .relaxed) == 0 { await Task.yield() }
        withExtendedLifetime(stream) {}
    }

    @Test func aCancelledTaskCancelsItsCall() async throws {
        try await StreamServer.with { server, channel in
            let outcome = await withTaskGroup(of: RPCStatus?.self) { group in
                group.addTask {
                    do throws(RPCStatus) {
                        _ = try await channel.open("Hang", within: nil).next()
                        return nil
                    } catch {
                        return error
                    }
                }
                while server.service.hanging.load(ordering: .relaxed) == 0 { await Task.yield() }
                group.cancelAll()
                return await group.next() ?? nil
            }
            #expect(outcome?.code == .cancelled)
            while server.service.cancelled.load(ordering: .relaxed) == 0 { await Task.yield() }
        }
    }

    @Test func aDeadlineCoversTheWholeStream() async throws {
        try await StreamServer.with { server, channel in
            let stream = try channel.open("Hang", within: .milliseconds(50))
            let status = await #expect(throws: RPCStatus.self) { _ = try await stream.next() }
            #expect(status?.code == .deadlineExceeded)
            let late = await #expect(throws: RPCStatus.self) { try await stream.send(ByteBuffer()) }
            #expect(late?.code == .deadlineExceeded)
        }
    }

    /// Fifty calls of another kind on the same connection.
    private func passBy(_ channel: any CallChannel) async throws {
        for _ in 0..<50 {
            _ = try await channel.unary(
                path: "/test.Streams/Unary", message: ByteBuffer(), metadata: CallMetadata(), deadline: nil)
        }
    }

    /// How many messages were produced once that stands still while other calls pass by.
    private func standstill(of service: StreamService, _ channel: any CallChannel) async throws -> Int {
        var before = -1
        while before != service.produced.load(ordering: .relaxed) || before == 0 {
            before = service.produced.load(ordering: .relaxed)
            try await passBy(channel)
        }
        return before
    }

    private func send(_ count: Int, on stream: ClientStream, counting service: StreamService) async throws {
        for _ in 0..<count {
            try await stream.send(ByteBuffer(repeating: 1, count: 1_000))
            service.produced.wrappingAdd(1, ordering: .relaxed)
        }
        stream.finishSending()
    }

    @Test func aSlowReaderHoldsItsSenderUp() async throws {
        try await StreamServer.with { server, channel in
            let down = try channel.open("Produce")
            try await down.send(ByteBuffer(string: "20000 1000"))
            down.finishSending()
            // Nobody reads on: the server stands still after window and queue.
            _ = try await down.next()
            let held = try await standstill(of: server.service, channel)
            let limits = server.links.limits
            let bound = 2 * Int(limits.http2.streamWindow) + limits.maxQueuedStreamBytes
            #expect(held * 1_005 <= bound, "\(held) messages under way")
            let rest = try await down.rest()
            #expect(rest.count == 19_999)
        }
    }

    @Test func aSlowHandlerHoldsItsCallerUp() async throws {
        try await StreamServer.with { server, channel in
            let up = try channel.open("Slow")
            async let sent: Void = send(5_000, on: up, counting: server.service)
            let held = try await standstill(of: server.service, channel)
            let limits = server.links.limits
            let bound = Int(limits.http2.streamWindow) + limits.maxQueuedStreamBytes + 2_000
            #expect(held * 1_005 <= bound, "\(held) messages under way")
            server.service.gate.open()
            try await sent
            let counted = try await up.rest()
            #expect(counted == ["5000 5000000"])
        }
    }

    @Test func aThousandStreamsAtOnce() async throws {
        var limits = TransportLimits()
        limits.http2.maxConcurrentStreams = 1_024
        try await StreamServer.with(limits: limits) { server, channel in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<1_000 {
                    group.addTask {
                        let stream = try channel.open("Echo")
                        try await stream.send(ByteBuffer(string: "one \(number)"))
                        let one = try await stream.next()
                        try await stream.send(ByteBuffer(string: "two \(number)"))
                        stream.finishSending()
                        let rest = try await stream.rest()
                        return one == ByteBuffer(string: "one \(number)") && rest == ["two \(number)"]
                    }
                }
                for try await isRight in group { #expect(isRight) }
            }
            #expect(server.listener.counters.calls == 1_000)
            #expect(server.listener.counters.callsCancelled == 0)
        }
    }

    @Test func compressedMessagesAreReadAndSent() async throws {
        try await StreamServer.with { server, channel in
            var metadata = CallMetadata()
            metadata.append("compress", "yes")
            let stream = try channel.open("Echo", metadata: metadata, encoding: .gzip)
            let text = ByteBuffer(string: String(repeating: "again and ", count: 10_000))
            for message in [text, ByteBuffer(), ByteBuffer(string: "x")] {
                try await stream.send(message, isCompressed: true)
                let answer = try await stream.next()
                #expect(answer == message)
            }
            stream.finishSending()
            _ = try await stream.rest()
            #expect(server.listener.counters.bytesReceived < 2_000)
        }
    }
}
