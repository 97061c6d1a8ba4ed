// Several endpoints of one peer: order, load, failover, waiting, hedges.

import ClusterModel
import GRPCFraming
import HostEnvironment
import NIOCore
import NIOPosix
import NodeEnvironment
import Synchronization
import Testing

@testable import RPCTransport

/// An endpoint that does what a test says.
private final class ScriptedEndpoint: EndpointChannel {
    enum Behaviour: Sendable {
        case answers
        case cannotBeReached
        /// Takes the call and is lost.
        case isLost
        /// Keeps the call until it is cancelled.
        case hangs
    }

    let name: String
    let sent = Atomic<Int>(0)
    private let behaviour: Mutex<Behaviour>

    init(_ name: String, _ behaviour: Behaviour) {
        self.name = name
        self.behaviour = Mutex(behaviour)
    }

    func become(_ other: Behaviour) { behaviour.withLock { $0 = other } }

    func connect(by deadline: BootInstant?) async throws(RPCStatus) {
        if case .cannotBeReached = behaviour.withLock({ $0 }) { throw RPCStatus(.unavailable, "\(name) is away") }
    }

    func unary(
        path: String, message: ByteBuffer, metadata: CallMetadata, deadline: BootInstant?
    ) async throws(RPCStatus) -> UnaryReply {
        sent.add(1, ordering: .relaxed)
        switch behaviour.withLock({ $0 }) {
        case .answers: return UnaryReply(message: ByteBuffer(string: name))
        case .cannotBeReached, .isLost: throw RPCStatus(.unavailable, "\(name) was lost")
        case .hangs:
            // Ends by cancellation only.
            try? await HostClock().sleep(for: .seconds(600))
            throw RPCStatus(.cancelled, "cancelled")
        }
    }

    func close() async {}
}

@Suite struct PeerChannelTests {
    private func pool(_ endpoints: [ScriptedEndpoint], _ policy: PeerPolicy = PeerPolicy()) -> PeerChannel {
        var limits = TransportLimits()
        limits.firstBackoff = .milliseconds(1)
        limits.maxBackoff = .milliseconds(5)
        return PeerChannel(
            channels: endpoints, policy: policy, limits: limits, clock: HostClock(), entropy: HostEntropy())
    }

    private func ask(_ pool: PeerChannel, within limit: Duration? = .seconds(20)) async throws(RPCStatus) -> String {
        let deadline = limit.map { HostClock().bootTime().advanced(by: $0) }
        let reply = try await pool.unary(
            path: "/a.B/C", message: ByteBuffer(), metadata: CallMetadata(), deadline: deadline)
        return String(buffer: reply.message)
    }

    @Test func theFirstThatCanBeReachedIsPicked() async throws {
        let (first, second) = (ScriptedEndpoint("first", .cannotBeReached), ScriptedEndpoint("second", .answers))
        let pool = pool([first, second])
        #expect(try await ask(pool) == "second")
        first.become(.answers)
        // It stays with what works for a while, and then comes back.
        #expect(try await ask(pool) == "second")
        for _ in 0..<EndpointPicker.penalty { _ = try await ask(pool) }
        #expect(try await ask(pool) == "first")
    }

    @Test func aCallThatWasSentIsSentAgainOnlyWhenItIsSafe() async throws {
        for isSafe in [false, true] {
            let (first, second) = (ScriptedEndpoint("first", .isLost), ScriptedEndpoint("second", .answers))
            let pool = pool([first, second], PeerPolicy(call: CallPolicy(isSafe: isSafe)))
            if isSafe {
                #expect(try await ask(pool) == "second")
            } else {
                let failure = await #expect(throws: RPCStatus.self) { try await ask(pool) }
                #expect(failure?.code == .unavailable)
                #expect(second.sent.load(ordering: .relaxed) == 0)
            }
        }
    }

    @Test func onlyACallThatMayWaitsUntilSomebodyIsThere() async throws {
        let endpoint = ScriptedEndpoint("late", .cannotBeReached)
        let hasty = pool([endpoint])
        let failure = await #expect(throws: RPCStatus.self) { try await ask(hasty) }
        #expect(failure?.code == .unavailable)
        let patient = pool([endpoint], PeerPolicy(call: CallPolicy(waitsForReady: true)))
        let late = await #expect(throws: RPCStatus.self) { try await ask(patient, within: .milliseconds(20)) }
        #expect(late?.code == .deadlineExceeded)
        async let answer = ask(patient)
        endpoint.become(.answers)
        #expect(try await answer == "late")
    }

    @Test func aSlowSafeCallIsAskedOfAnother() async throws {
        let (first, second) = (ScriptedEndpoint("slow", .hangs), ScriptedEndpoint("quick", .answers))
        let policy = PeerPolicy(call: CallPolicy(isSafe: true, hedgesAfter: .milliseconds(1)))
        #expect(try await ask(pool([first, second], policy)) == "quick")
        #expect(first.sent.load(ordering: .relaxed) == 1 && second.sent.load(ordering: .relaxed) == 1)
    }

    // MARK: Pure parts

    @Test func theLeastLoadedComesFirst() {
        var picker = EndpointPicker(count: 3, balancing: .leastLoaded)
        picker.onStarted(0)
        picker.onStarted(0)
        picker.onStarted(2)
        #expect(picker.order(random: 7) == [1, 2, 0])
        picker.onUnreachable(1)
        #expect(picker.order(random: 7) == [2, 0, 1])
        picker.onEnded(0)
        picker.onEnded(0)
        #expect(picker.order(random: 7) == [0, 2, 1])
    }

    @Test func equalEndpointsAreSpread() {
        var picker = EndpointPicker(count: 4, balancing: .leastLoaded)
        #expect(Set((0..<8).map { picker.order(random: $0)[0] }).count == 4)
    }

    @Test func hedgesHaveABudget() {
        var budget = HedgeBudget(perHundredCalls: 10)
        #expect(budget.spend() == true)
        #expect(budget.spend() == false)
        for _ in 0..<100 { budget.onCall() }
        #expect((0..<20).count { _ in budget.spend() } == 10)
        var none = HedgeBudget(perHundredCalls: 0)
        none.onCall()
        #expect(none.spend() == false)
    }

    // MARK: On real sockets

    /// The kernel accepts for a process that is stuck: a call that was not sent yet goes elsewhere.
    @Test func anEndpointThatDoesNotSpeakIsPassedOver() async throws {
        var limits = TransportLimits()
        limits.connectTimeout = .milliseconds(50)
        try await EchoServer.with(limits: limits) { server in
            let mute = try await ServerBootstrap(group: server.pool.group)
                .serverChannelOption(.autoRead, value: false).bind(host: "127.0.0.1", port: 0).get()
            let endpoint = Endpoint(host: "127.0.0.1", port: try #require(mute.localAddress?.port))
            let channel = try server.links.channel(to: endpoint, security: .plaintext)
            let failure = await #expect(throws: RPCStatus.self) { try await channel.call("Echo", "x") }
            #expect(failure?.code == .unavailable && failure?.message.contains("does not speak") == true)
            await channel.close()
            let pool = try server.links.channel(to: [endpoint, server.listener.endpoint], security: .plaintext)
            for _ in 0..<4 { try await pool.expect("well", from: "Echo", "well") }
            await pool.close()
            try await mute.close()
        }
    }

    @Test func aServerThatShutsDownFailsNoCall() async throws {
        // An address of its own: the port of a server that is gone may become that of another test's server.
        try await EchoServer.with(host: "127.0.0.77") { first in
            try await EchoServer.with { second in
                let pool = try first.links.channel(
                    to: [first.listener.endpoint, second.listener.endpoint], security: .plaintext)
                for number in 0..<200 {
                    if number == 100 {
                        await first.listener.shutDown(by: HostClock().bootTime().advanced(by: .seconds(20)))
                    }
                    try await pool.expect("call \(number)", from: "Echo", "call \(number)")
                }
                #expect(second.listener.counters.calls >= 99)
                await pool.close()
            }
        }
    }
}
