// Simulated machines and the network between them: what a crash takes, what a cut does.

import ClusterModel
import GRPCFraming
import NIOCore
import NodeEnvironment
import SimulatedEnvironment
import Synchronization
import Testing

/// Answers with what it got, at once or after a while.
private final class Echo: CallHandler {
    let methods = ["/test.Echo/Now", "/test.Echo/Later", "/test.Echo/Never"]
    private let clock: any NodeClock
    private let served = Mutex(0)

    init(clock: any NodeClock) { self.clock = clock }

    var count: Int { served.withLock { $0 } }

    func handle(_ call: UnaryCall) {
        #expect(call.executor.isCurrent)
        served.withLock { $0 += 1 }
        switch call.method {
        case 0: call.succeed(call.message)
        case 1:
            let due = clock.bootTime().advanced(by: .milliseconds(500))
            _ = call.executor.schedule(at: due) { call.succeed(call.message) }
        default: break
        }
    }
}

private struct Front: PageHandler {
    func page(at path: String, answer: @escaping @Sendable (Page) -> Void) {
        answer(path == "/healthz" ? Page(body: "ok\n") : .notFound)
    }
}

@Suite struct MachineTests {
    private static let place = Endpoint(host: "127.0.0.1", port: 9_000)

    private static func call(
        _ simulation: Simulation, _ path: String, from machine: String = "client", timeout: Duration? = .seconds(5)
    ) async -> RPCStatusCode {
        let environment = simulation.machine(machine).environment
        do {
            let channel = try environment.links.channel(to: place, security: .plaintext)
            let reply = try await channel.unary(
                path: path, message: ByteBuffer(string: "hello"), metadata: CallMetadata(),
                deadline: timeout.map { environment.clock.bootTime().advanced(by: $0) })
            return reply.message == ByteBuffer(string: "hello") ? .ok : .dataLoss
        } catch {
            return (error as? RPCStatus)?.code ?? .unknown
        }
    }

    private static func serve(_ simulation: Simulation) async throws -> Echo {
        let environment = simulation.machine("server").environment
        let echo = Echo(clock: environment.clock)
        _ = try await environment.links.listen(on: place, security: .plaintext, handler: echo)
        return echo
    }

    @Test func callsAreAnsweredRefusedAndTimed() throws {
        let simulation = Simulation(seed: 1)
        try simulation.drive {
            #expect(await Self.call(simulation, "/test.Echo/Now") == .unavailable)
            let echo = try await Self.serve(simulation)
            #expect(await Self.call(simulation, "/test.Echo/Now") == .ok)
            #expect(await Self.call(simulation, "/test.Echo/Later") == .ok)
            #expect(await Self.call(simulation, "/test.Echo/Later", timeout: .milliseconds(100)) == .deadlineExceeded)
            #expect(await Self.call(simulation, "/test.Echo/Never") == .deadlineExceeded)
            #expect(await Self.call(simulation, "/test.Echo/Else") == .unimplemented)
            #expect(echo.count == 4)
            await #expect(throws: LinkError.self) { _ = try await Self.serve(simulation) }
        }
    }

    @Test func aCrashEndsCallsListenersAndWork() throws {
        let simulation = Simulation(seed: 2)
        let server = simulation.machine("server")
        let ran = Mutex(0)
        let task = server.start { environment in
            while true {
                try await environment.clock.sleep(for: .milliseconds(10))
                ran.withLock { $0 += 1 }
            }
        }
        try simulation.drive {
            _ = try await Self.serve(simulation)
            async let pending = Self.call(simulation, "/test.Echo/Never", timeout: nil)
            try await simulation.machine("client").clock.sleep(for: .milliseconds(100))
            server.crash()
            #expect(await pending == .unavailable)
            #expect(await Self.call(simulation, "/test.Echo/Now") == .unavailable)
        }
        let before = ran.withLock { $0 }
        #expect(before > 0)
        simulation.run(for: .seconds(1))
        #expect(ran.withLock { $0 } == before)
        #expect(task.outcome == nil)
        server.restart()
        try simulation.drive {
            _ = try await Self.serve(simulation)
            #expect(await Self.call(simulation, "/test.Echo/Now") == .ok)
        }
    }

    @Test func powerGoesAtTheOperationThatWasChosen() throws {
        for count in 0..<6 {
            let simulation = Simulation(seed: UInt64(count))
            let machine = simulation.machine("server")
            let done = Mutex(0)
            machine.cutPower(afterFileOperations: count)
            machine.start { environment in
                let file = try environment.files.open("f", .createNew)
                for number in 0..<10 {
                    try file.write([UInt8(number)], at: UInt64(number))
                    done.withLock { $0 += 1 }
                }
            }
            simulation.run(for: .seconds(1))
            #expect(!machine.isUp)
            #expect(done.withLock { $0 } == max(0, count - 1), "\(count)")
        }
    }

    @Test func syncedBytesSurviveAndOthersMayNot() throws {
        var survived = 0
        for seed in 0..<40 as Range<UInt64> {
            let simulation = Simulation(seed: seed)
            let machine = simulation.machine("server")
            machine.start { environment in
                let file = try environment.files.open("f", .createNew)
                try file.write([1], at: 0)
                try file.synchronizeData()
                try environment.files.syncDirectory(".")
                try file.write([2], at: 600)
            }
            simulation.run(for: .seconds(1))
            machine.crash()
            machine.restart()
            let file = try machine.environment.files.open("f", .read)
            #expect(try file.read(at: 0, count: 1) == [1], "seed \(seed)")
            if try file.read(at: 600, count: 1) == [2] { survived += 1 }
        }
        #expect(survived > 5 && survived < 35)
    }

    @Test func killKeepsThePageCacheAndFreesLocks() throws {
        let simulation = Simulation(seed: 3)
        let machine = simulation.machine("server")
        machine.start { environment in
            _ = try environment.files.lockExclusively("lock")
            let file = try environment.files.open("f", .createNew)
            try file.write([1], at: 0)
        }
        simulation.run(for: .seconds(1))
        machine.kill()
        #expect(throws: FileError.self) { _ = try machine.environment.files.open("f", .read) }
        machine.restart()
        #expect(try machine.environment.files.open("f", .read).read(at: 0, count: 1) == [1])
        _ = try machine.environment.files.lockExclusively("lock")
    }

    @Test func aCutIsSilentUntilItHeals() throws {
        let simulation = Simulation(seed: 4)
        try simulation.drive {
            _ = try await Self.serve(simulation)
            simulation.network.cut("client", "server")
            #expect(await Self.call(simulation, "/test.Echo/Now", timeout: .seconds(1)) == .deadlineExceeded)
            #expect(await Self.call(simulation, "/test.Echo/Now", timeout: nil) == .unavailable)
            #expect(await Self.call(simulation, "/test.Echo/Now", from: "other") == .ok)
            simulation.network.heal("client", "server")
            #expect(await Self.call(simulation, "/test.Echo/Now") == .ok)
        }
    }

    @Test func lostConnectionsLoseRequestsAndReplies() throws {
        let simulation = Simulation(seed: 5)
        var faults = NetworkFaults()
        faults.lostCallsPerThousand = 300
        simulation.network.setFaults(faults)
        let (outcomes, served) = try simulation.drive {
            let echo = try await Self.serve(simulation)
            var outcomes: [RPCStatusCode] = []
            for _ in 0..<200 { outcomes.append(await Self.call(simulation, "/test.Echo/Now")) }
            return (outcomes, echo.count)
        }
        let answered = outcomes.count { $0 == .ok }
        #expect(outcomes.allSatisfy { $0 == .ok || $0 == .unavailable })
        // Some were served and their replies lost; some never arrived.
        #expect(answered < served && served < 200)
    }

    @Test func pagesAreServed() throws {
        let simulation = Simulation(seed: 6)
        try simulation.drive {
            let links = simulation.machine("server").environment.links
            let listener = try await links.servePages(on: Endpoint(host: "127.0.0.1", port: 0), handler: Front())
            #expect(await simulation.network.page(at: "/healthz", of: listener.endpoint)?.body == "ok\n")
            #expect(await simulation.network.page(at: "/else", of: listener.endpoint)?.status == 404)
            #expect(await simulation.network.page(at: "/healthz", of: Self.place) == nil)
        }
    }
}
