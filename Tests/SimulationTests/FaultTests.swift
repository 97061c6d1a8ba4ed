// What the simulated machines and network can do to a node: each fault by itself.

import ClusterModel
import GRPCFraming
import NIOCore
import NodeEnvironment
import SimulatedEnvironment
import Synchronization
import Testing

/// Answers with the caller's certificate; counts calls.
private final class WhoAmI: CallHandler {
    let methods = ["/test.Who/AmI"]
    private let seen = Mutex<[String]>([])

    var callers: [String] { seen.withLock { $0 } }

    func handle(_ call: UnaryCall) {
        seen.withLock { $0.append(call.peer.certificateURI ?? "nobody") }
        call.succeed(ByteBuffer(string: call.peer.certificateURI ?? "nobody"))
    }
}

@Suite struct FaultTests {
    private static let place = Endpoint(host: "10.0.0.1", port: 7_422)

    private static func security(_ uri: String, authority: String = "sim-ca") -> LinkSecurity {
        .mutualTLS(SimulatedHandshake.identity(uri: uri, authority: authority))
    }

    private static func ask(
        _ simulation: Simulation, as security: LinkSecurity, from machine: String = "a",
        timeout: Duration = .seconds(1)
    ) async -> Result<String, RPCStatus> {
        let environment = simulation.machine(machine).environment
        do {
            let channel = try environment.links.channel(to: place, security: security)
            let reply = try await channel.unary(
                path: "/test.Who/AmI", message: ByteBuffer(), metadata: CallMetadata(),
                deadline: environment.clock.bootTime().advanced(by: timeout))
            return .success(String(buffer: reply.message))
        } catch {
            return .failure(error as? RPCStatus ?? RPCStatus(.unknown, "\(error)"))
        }
    }

    private static func serve(_ simulation: Simulation) async throws -> WhoAmI {
        let who = WhoAmI()
        _ = try await simulation.machine("b").environment.links.listen(
            on: place, security: security("meridian://sim/b/n1"), handler: who)
        return who
    }

    @Test func certificatesNameTheCallerAndForeignOnesAreRefused() throws {
        let simulation = Simulation(seed: 1)
        let asked: [LinkSecurity] = [
            Self.security("meridian://sim/a/n1"), .plaintext,
            Self.security("meridian://sim/a/n1", authority: "another"),
            .serverTLS(SimulatedHandshake.identity(uri: "meridian://sim/a/n1")),
        ]
        let outcomes = try simulation.drive {
            _ = try await Self.serve(simulation)
            var outcomes: [Result<String, RPCStatus>] = []
            for security in asked { outcomes.append(await Self.ask(simulation, as: security)) }
            return outcomes
        }
        #expect(try outcomes[0].get() == "meridian://sim/a/n1")
        for (wrong, outcome) in zip(asked, outcomes).dropFirst() {
            switch outcome {
            case .success(let name): Issue.record("\(wrong) was let in as \(name)")
            case .failure(let status): #expect(status.code == .unavailable)
            }
        }
    }

    @Test func aCutOfOneWayStopsCallsBothWays() throws {
        let simulation = Simulation(seed: 2)
        try simulation.drive {
            let who = try await Self.serve(simulation)
            let security = Self.security("meridian://sim/a/n1")
            simulation.network.cutOneWay(from: "b", to: "a")
            _ = await Self.ask(simulation, as: security)
            // The request arrived; its answer did not.
            #expect(who.callers.count == 1)
            simulation.network.healAll()
            simulation.network.cutOneWay(from: "a", to: "b")
            _ = await Self.ask(simulation, as: security)
            #expect(who.callers.count == 1)
            simulation.network.healAll()
            #expect(try await Self.ask(simulation, as: security).get() == "meridian://sim/a/n1")
        }
    }

    @Test func duplicatedRequestsAreHandledTwiceAndAnsweredOnce() throws {
        let simulation = Simulation(seed: 3)
        var faults = NetworkFaults()
        faults.duplicatedCallsPerThousand = 300
        simulation.network.setFaults(faults)
        try simulation.drive {
            let who = try await Self.serve(simulation)
            for _ in 0..<100 {
                #expect(try await Self.ask(simulation, as: Self.security("x")).get() == "x")
            }
            try await simulation.machine("a").clock.sleep(for: .seconds(2))
            #expect(who.callers.count == 100 + simulation.network.counts.duplicated)
            #expect(simulation.network.counts.duplicated > 10)
        }
    }

    @Test func aPairMayBeFarApartAndSomeMessagesSlow() throws {
        let simulation = Simulation(seed: 4)
        simulation.network.setDelay(between: "a", and: "b", .milliseconds(40)...(.milliseconds(60)))
        try simulation.drive {
            _ = try await Self.serve(simulation)
            let clock = simulation.machine("a").environment.clock
            func time(from machine: String) async throws -> Duration {
                let begun = clock.bootTime()
                _ = try await Self.ask(simulation, as: Self.security("x"), from: machine, timeout: .seconds(5)).get()
                return clock.bootTime().since(begun)
            }
            let far = try await time(from: "a")
            #expect(far >= .milliseconds(80) && far < .milliseconds(130))
            #expect(try await time(from: "c") < .milliseconds(10))
            var faults = NetworkFaults()
            faults.delayedMessagesPerThousand = 500
            simulation.network.setFaults(faults)
            var slow = 0
            for _ in 0..<20 { slow += try await time(from: "c") > .milliseconds(20) ? 1 : 0 }
            #expect(slow > 3)
        }
    }

    @Test func wallClocksJumpDriftAndFreezeAndBootClocksDoNot() throws {
        let simulation = Simulation(seed: 5)
        let clock = simulation.machine("a").clock
        func elapsed() -> (wall: Int64, boot: Duration) {
            let (wall, boot) = (clock.wallTime().milliseconds, clock.bootTime())
            simulation.run(for: .seconds(10))
            return (Int64(clock.wallTime().milliseconds) - Int64(wall), clock.bootTime().since(boot))
        }
        clock.setDrift(partsPerMillion: 50_000)
        let fast = elapsed()
        #expect((10_499...10_501).contains(fast.wall) && fast.boot >= .seconds(10) && fast.boot < .seconds(10.1))
        clock.setDrift(partsPerMillion: -1_000_000)
        #expect((-1...1).contains(elapsed().wall))
        clock.correct()
        #expect((9_999...10_001).contains(elapsed().wall))
        let before = clock.wallTime()
        clock.jumpWallClock(by: .seconds(-3_600))
        #expect((3_599_999...3_600_000).contains(before.milliseconds - clock.wallTime().milliseconds))
    }

    @Test func disksComeBackAsTheyWere() throws {
        let disk = SimulatedFileStore()
        func write(_ text: String) throws {
            let file = try disk.open("f", .createOrReplace)
            try file.write(Array(text.utf8), at: 0)
            try file.synchronizeData()
            try disk.syncDirectory(".")
        }
        func read(_ files: any FileStore) throws -> String {
            String(decoding: try files.open("f", .read).read(at: 0, count: 100), as: UTF8.self)
        }
        try write("old")
        let (image, identity) = (disk.image(), try disk.storageIdentity(of: "f"))
        try write("new")
        try disk.open("f", .readWrite).write(Array("unsynced".utf8), at: 0)
        #expect(try read(SimulatedFileStore(disk.image())) == "new")
        disk.wipe()
        #expect(throws: FileError.self) { try read(disk) }
        disk.install(image)
        #expect(try read(disk) == "old")
        #expect(try disk.storageIdentity(of: "f") == identity)
        disk.install(image, asCopy: true)
        #expect(try read(disk) == "old")
        #expect(try disk.storageIdentity(of: "f") != identity)
    }
}
