// A listening socket when the system has no descriptor left: it pauses, counts and goes on.

import Glibc
import HostEnvironment
import NIOCore
import NIOPosix
import NodeEnvironment
import Synchronization
import Testing

@testable import RPCTransport

@Suite struct AcceptPauseTests {
    private final class Pauses: Sendable {
        let count = Atomic<Int>(0)
    }

    private static func reads(_ channel: any Channel) async throws -> Bool {
        try await channel.getOption(.autoRead).get()
    }

    private static func bind(_ pool: EventLoopPool, _ pauses: Pauses) async throws -> (any Channel, Endpoint) {
        try await SocketBinding.bind(
            ServerBootstrap(group: pool.group), to: Endpoint(host: "127.0.0.1", port: 0)
        ) { pauses.count.wrappingAdd(1, ordering: .relaxed) }
    }

    /// A8: the connection that could not be taken stays in the queue; a loop that asks again at once spins.
    @Test(arguments: [EMFILE, ENFILE, ENOBUFS, ENOMEM]) func acceptingPausesAndGoesOn(code: Int32) async throws {
        let pool = EventLoopPool(count: 1)
        let pauses = Pauses()
        let (channel, endpoint) = try await Self.bind(pool, pauses)
        let reading = try await channel.eventLoop.submit {
            channel.pipeline.fireErrorCaught(IOError(errnoCode: code, reason: "accept"))
            return try channel.syncOptions?.getOption(.autoRead)
        }.get()
        #expect(reading == false)
        #expect(pauses.count.load(ordering: .relaxed) == 1)
        while try await !Self.reads(channel) { try await HostClock().sleep(for: .milliseconds(5)) }
        // Who comes afterwards is accepted.
        let caller = try await ClientBootstrap(group: pool.group).connect(host: endpoint.host, port: endpoint.port)
            .get()
        try await caller.close()
        try await channel.close()
        try await pool.shutDown()
    }

    @Test func otherErrorsPauseNothing() async throws {
        let pool = EventLoopPool(count: 1)
        let pauses = Pauses()
        let (channel, _) = try await Self.bind(pool, pauses)
        let reading = try await channel.eventLoop.submit {
            channel.pipeline.fireErrorCaught(IOError(errnoCode: ECONNABORTED, reason: "accept"))
            return try channel.syncOptions?.getOption(.autoRead)
        }.get()
        #expect(reading == true)
        #expect(pauses.count.load(ordering: .relaxed) == 0)
        try await channel.close()
        try await pool.shutDown()
    }
}
