// Each hostile pattern, held: memory stays flat and nobody else notices. A moment each; a minute where MERIDIAN_PROVE is set.

import ClusterModel
import Foundation
import GRPCFraming
import HostEnvironment
import NIOCore
import NodeEnvironment
import RPCTransport
import Synchronization
import Testing

@Suite(.serialized, .timeLimit(.minutes(30))) struct HeldPatternTests {
    struct Pattern: Sendable, CustomTestStringConvertible {
        var name: String
        var bytes: [UInt8]
        /// Bytes a piece, one every few milliseconds; nil sends all at once.
        var piece: Int?

        var testDescription: String { name }
    }

    private static let isProof = ProcessInfo.processInfo.environment["MERIDIAN_PROVE"] != nil
    private static let hold: Duration = isProof ? .seconds(60) : .milliseconds(200)
    private static let attackers = 4
    /// Between two attacks of one attacker.
    private static let pause = TimeAmount.milliseconds(20)
    /// What the allocator may take after the first quarter of the time; with all the other tests in the same process, much
    /// more.
    private static let allowance = MemoryWatch.isAlone ? 32 << 20 : 1 << 30

    static let patterns: [Pattern] =
        FloodTests.floods.map { Pattern(name: $0.name, bytes: $0.bytes) } + [
            Pattern(name: "half a preface", bytes: Array(RawHTTP2.magic.prefix(10))),
            Pattern(name: "a call and silence", bytes: RawHTTP2.preface + RawHTTP2.open(1)),
            Pattern(
                name: "a window that never opens",
                bytes: RawHTTP2.preface + RawFrame(.settings, [0, 4, 0, 0, 0, 0]).bytes
                    + (0..<100).flatMap { index in
                        let stream = UInt32(index * 2 + 1)
                        return RawHTTP2.open(stream) + RawHTTP2.message(stream, count: 10_000)
                    }),
            Pattern(
                name: "a frame that never ends",
                bytes: RawHTTP2.preface + RawHTTP2.open(1)
                    + RawFrame(.data, stream: 1, [UInt8](repeating: 0, count: 16_000)).bytes, piece: 200),
            Pattern(
                name: "a large message that never ends",
                bytes: RawHTTP2.preface + RawHTTP2.open(1)
                    + RawFrame(.data, stream: 1, [0, 0, 0x3f, 0xff, 0xff] + [UInt8](repeating: 0, count: 16_000)).bytes),
        ]

    /// Every peer that does not do its part is gone after a tenth of a second or so.
    private static var limits: TransportLimits {
        var limits = TransportLimits()
        limits.watchStep = .milliseconds(20)
        limits.handshakeTimeout = .milliseconds(100)
        return limits
    }

    /// What one caller saw while a pattern was held.
    private struct Sight {
        var latencies: [Duration] = []
        var growth = 0

        var median: Duration { latencies.sorted().dropFirst(latencies.count / 2).first ?? .zero }
    }

    /// Calls and calls until `limit`.
    private static func look(_ channel: any CallChannel, until limit: BootInstant) async throws -> Sight {
        let clock = HostClock()
        let begin = clock.bootTime()
        let settled = begin.advanced(by: .nanoseconds(limit.since(begin).signedNanoseconds / 4))
        var sight = Sight()
        var settledBytes: Int?
        repeat {
            let start = clock.bootTime()
            try await channel.expect("well", from: "Echo", "well")
            let now = clock.bootTime()
            sight.latencies.append(now.since(start))
            guard now > settled, sight.latencies.count.isMultiple(of: 16) else { continue }
            let bytes = try MemoryWatch.residentBytes()
            settledBytes = settledBytes ?? bytes
            sight.growth = max(sight.growth, bytes - (settledBytes ?? bytes))
        } while clock.bootTime() < limit
        return sight
    }

    private static func attack(_ pattern: Pattern, _ server: EchoServer, until limit: BootInstant) async throws -> Int {
        var count = 0
        repeat {
            let answer = try await RawPeer.converse(
                pattern.bytes, with: server.listener.endpoint, pool: server.pool.group,
                piecesOf: pattern.piece ?? .max, every: pattern.piece.map { _ in .milliseconds(5) })
            #expect(answer.isClosed)
            count += 1
            try await server.pool.group.any().scheduleTask(in: pause) {}.futureResult.get()
        } while HostClock().bootTime() < limit
        return count
    }

    @Test(arguments: patterns) func aHeldPatternHarmsNobodyElse(_ pattern: Pattern) async throws {
        try await EchoServer.with(limits: Self.limits) { server in
            try await server.withChannel { channel in
                let clock = HostClock()
                let quiet = try await Self.look(channel, until: clock.bootTime().advanced(by: Self.hold / 6))
                let limit = clock.bootTime().advanced(by: Self.hold)
                let (sight, attacks) = try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<Self.attackers {
                        group.addTask { try await Self.attack(pattern, server, until: limit) }
                    }
                    let sight = try await Self.look(channel, until: limit)
                    return (sight, try await group.reduce(0, +))
                }
                report(pattern, quiet, sight, attacks)
                // Every attacker was shown the door, and the caller kept its connection. The server counts a moment later.
                while server.listener.counters.connectionsClosed < UInt64(attacks) { await Task.yield() }
                #expect(server.listener.counters.connectionsAccepted == UInt64(attacks + 1))
                #expect(sight.growth < Self.allowance, "\(pattern.name): \(sight.growth) bytes more")
            }
        }
    }

    /// A region that is away for days is tried every second. Each try left 20 KB behind: 30 MiB here.
    @Test func triesToReachNobodyLeaveNothing() async throws {
        try await EchoServer.with { server in
            let (links, clock) = (server.links, HostClock())
            // Nobody listens there, and the kernel says so at once.
            let nobody = Endpoint(host: "127.0.0.1", port: 1)
            func tries(_ count: Int) async throws {
                for _ in 0..<count {
                    let channel = try links.channel(to: nobody, security: .plaintext)
                    await #expect(throws: RPCStatus.self) {
                        try await channel.unary(
                            path: "/nobody", message: ByteBuffer(), metadata: CallMetadata(),
                            deadline: clock.bootTime().advanced(by: .seconds(10)))
                    }
                    await channel.close()
                }
            }
            try await tries(100)
            let before = try MemoryWatch.residentBytes()
            try await tries(1_500)
            let growth = try MemoryWatch.residentBytes() - before
            #expect(growth < (MemoryWatch.isAlone ? 8 << 20 : 1 << 30), "\(growth) bytes more")
        }
    }

    private func report(_ pattern: Pattern, _ quiet: Sight, _ sight: Sight, _ attacks: Int) {
        guard Self.isProof else { return }
        print(
            "held \(pattern.name): \(attacks) attacks, p50 \(quiet.median) before and \(sight.median) beside, "
                + "\(sight.growth >> 10) KiB more")
        #expect(sight.median < quiet.median * 4 + .milliseconds(2), "\(pattern.name)")
    }
}
