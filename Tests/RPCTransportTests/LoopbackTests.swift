// Unary calls over real sockets of the loopback interface, without TLS.

import ClusterModel
import GRPCFraming
import HostEnvironment
import NIOCore
import NodeEnvironment
import RPCTransport
import Testing

@Suite(.serialized) struct LoopbackTests {
    @Test func anEchoComesBackWithItsMetadata() async throws {
        try await EchoServer.with { server in
            try await server.withChannel { channel in
                var metadata = CallMetadata()
                metadata.append("x-plain", "text")
                metadata.append("x-raw-bin", bytes: [0, 1, 254, 255])
                let reply = try await channel.call("Echo", ByteBuffer(string: "hello"), metadata: metadata)
                #expect(String(buffer: reply.message) == "hello")
                #expect(reply.trailers == metadata)
                try await channel.expect("hop", from: "Elsewhere", "hop")
                try await channel.expect("once", from: "Twice", "once")
                try await channel.expect("nobody", from: "Whoami", "")
            }
        }
    }

    @Test func errorsKeepTheirWordsAndDetails() async throws {
        try await EchoServer.with { server in
            try await server.withChannel { channel in
                let status = await #expect(throws: RPCStatus.self) {
                    _ = try await channel.call("Fail", "100% no: ü\n")
                }
                #expect(status == RPCStatus(.failedPrecondition, "100% no: ü\n", details: [1, 2, 255]))
                let unknown = await #expect(throws: RPCStatus.self) { _ = try await channel.call("None", "") }
                #expect(unknown?.code == .unimplemented)
            }
            let counters = server.listener.counters
            #expect(counters.callsFailed == 1)
            #expect(counters.callsRefused == 1)
        }
    }

    @Test func twoHundredCallsAtOnceAllComeBack() async throws {
        try await EchoServer.with { server in
            try await server.withChannel { channel in
                try await withThrowingTaskGroup(of: Bool.self) { group in
                    for number in 0..<200 {
                        group.addTask {
                            let method = number % 2 == 0 ? "Echo" : "Elsewhere"
                            return try await channel.call(method, "call \(number)") == "call \(number)"
                        }
                    }
                    for try await isRight in group { #expect(isRight) }
                }
            }
            #expect(server.listener.counters.calls == 200)
            #expect(server.listener.counters.connectionsAccepted == 1)
        }
    }

    @Test func threeMegabytesGoBothWays() async throws {
        try await EchoServer.with { server in
            try await server.withChannel { channel in
                let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
                let reply = try await channel.call("Echo", ByteBuffer(bytes: bytes))
                #expect(reply.message == ByteBuffer(bytes: bytes))
            }
        }
    }

    @Test func tooLargeIsRefusedOnEitherSide() async throws {
        try await EchoServer.with { server in
            try await server.withChannel { channel in
                let request = await #expect(throws: RPCStatus.self) {
                    _ = try await channel.call("Echo", ByteBuffer(repeating: 1, count: 4 << 20 | 1))
                }
                #expect(request?.code == .resourceExhausted)
                let answer = await #expect(throws: RPCStatus.self) {
                    _ = try await channel.call("Large", ByteBuffer(string: "\(8 << 20 | 1)"))
                }
                #expect(answer?.code == .resourceExhausted)
                try await channel.expect("still there", from: "Echo", "still there")
            }
        }
    }

    @Test func aDeadlineEndsACallOnBothSides() async throws {
        try await EchoServer.with { server in
            try await server.withChannel { channel in
                let status = await #expect(throws: RPCStatus.self) {
                    _ = try await channel.call("Hang", ByteBuffer(), within: .milliseconds(50))
                }
                #expect(status?.code == .deadlineExceeded)
                let past = await #expect(throws: RPCStatus.self) {
                    _ = try await channel.call("Echo", ByteBuffer(), within: .zero)
                }
                #expect(past?.code == .deadlineExceeded)
                try await channel.expect("next", from: "Echo", "next")
            }
            let call = try #require(server.service.keptCalls.first)
            #expect(call.deadline != nil)
            // A late answer reaches nobody and harms nothing.
            call.succeed(ByteBuffer(string: "late"))
        }
    }

    @Test func cancellingTheTaskCancelsTheCall() async throws {
        try await EchoServer.with { server in
            try await server.withChannel { channel in
                let outcome = await withTaskGroup(of: RPCStatus?.self) { group in
                    group.addTask {
                        do throws(RPCStatus) {
                            _ = try await channel.call("Hang", ByteBuffer())
                            return nil
                        } catch {
                            return error
                        }
                    }
                    while server.service.keptCalls.isEmpty { await Task.yield() }
                    group.cancelAll()
                    return await group.next() ?? nil
                }
                #expect(outcome?.code == .cancelled)
                // The reset is on the wire before this call, so the server has counted it.
                try await channel.expect("after", from: "Echo", "after")
            }
            #expect(server.listener.counters.callsCancelled == 1)
        }
    }

    @Test func aLostServerIsUnavailableAndComesBack() async throws {
        let pool = EventLoopPool(count: 1)
        let links = SocketLinks(pool: pool)
        let service = EchoService(pool: pool)
        let first = try await links.listen(
            on: Endpoint(host: "127.0.0.1", port: 0), security: .plaintext, handler: service)
        let channel = try links.channel(to: first.endpoint, security: .plaintext)
        try await channel.expect("one", from: "Echo", "one")
        await first.shutDown(by: HostClock().bootTime())
        let gone = await #expect(throws: RPCStatus.self) { _ = try await channel.call("Echo", "two") }
        #expect(gone?.code == .unavailable)
        let second = try await links.listen(on: first.endpoint, security: .plaintext, handler: service)
        var answer: String?
        for _ in 0..<10_000 where answer == nil {
            // The channel rests between attempts; meanwhile calls fail at once.
            answer = try? await channel.call("Echo", "three")
            await Task.yield()
        }
        while answer == nil { answer = try? await channel.call("Echo", "three") }
        #expect(answer == "three")
        await channel.close()
        let closed = await #expect(throws: RPCStatus.self) { _ = try await channel.call("Echo", "four") }
        #expect(closed?.code == .unavailable)
        await second.shutDown(by: HostClock().bootTime())
        try await pool.shutDown()
    }

    @Test func callsUnderWayFinishDuringAShutdown() async throws {
        try await EchoServer.with { server in
            try await server.withChannel { channel in
                async let reply = channel.call("Hang", ByteBuffer(string: "wait"))
                while server.service.keptCalls.isEmpty { await Task.yield() }
                async let end: Void = server.listener.shutDown(by: HostClock().bootTime().advanced(by: .seconds(20)))
                server.service.keptCalls[0].succeed(ByteBuffer(string: "done"))
                let answer = try await reply
                #expect(String(buffer: answer.message) == "done")
                await end
            }
            let counters = server.listener.counters
            #expect(counters.connectionsClosed == counters.connectionsAccepted)
        }
    }

    @Test func aLargeAnswerArrivesWholeDuringAShutdown() async throws {
        try await EchoServer.with { server in
            try await server.withChannel { channel in
                async let reply = channel.call("Hang", ByteBuffer())
                while server.service.keptCalls.isEmpty { await Task.yield() }
                async let end: Void = server.listener.shutDown(by: HostClock().bootTime().advanced(by: .seconds(20)))
                let answer = ByteBuffer(repeating: 4, count: 4_000_000)
                server.service.keptCalls[0].succeed(answer)
                let received = try await reply.message
                #expect(received == answer)
                await end
            }
        }
    }

    @Test func setUpFailuresHaveCodes() async throws {
        try await EchoServer.with { server in
            let taken = await #expect(throws: LinkError.self) {
                _ = try await server.links.listen(
                    on: server.listener.endpoint, security: .plaintext, handler: server.service)
            }
            #expect(taken?.code == .addressInUse)
            let foreign = await #expect(throws: LinkError.self) {
                _ = try await server.links.listen(
                    on: Endpoint(host: "192.0.2.1", port: 0), security: .plaintext, handler: server.service)
            }
            #expect(foreign?.code == .badAddress)
            let files = TLSIdentity(authorityPath: "/none", certificatePath: "/none", keyPath: "/none")
            let bad = #expect(throws: LinkError.self) {
                _ = try server.links.channel(to: server.listener.endpoint, security: .mutualTLS(files))
            }
            #expect(bad?.code == .badCertificate)
        }
    }
}
