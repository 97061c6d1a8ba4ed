// Actors on one node and on two, through bytes.

import ActorCluster
import ClusterModel
import Distributed
import NodeEnvironment
import SimulatedEnvironment
import Testing

/// Every actor lives at one endpoint.
struct Everywhere: ActorPlacement {
    static let mesh = Endpoint(host: "b", port: 7_000)

    func endpoints(of actor: ActorIdentity) -> [Endpoint] { [Self.mesh] }
}

let counterID = ActorIdentity(kind: Counter.kind, region: RegionNumber(3), number: 12)

@Suite struct ClusterActorSystemTests {
    @Test func aLocalCallIsAnsweredOnTheActorsExecutor() throws {
        let simulation = Simulation(seed: 1)
        let total = try simulation.drive {
            let environment = simulation.machine("a").environment
            let system = try await ClusterActorSystem(types: [Counter.self], environment: environment)
            let loop = try #require(environment.executors.loops.last)
            let counter = try system.start(counterID, on: loop) { Counter(actorSystem: system) }
            let isThere = await counter.whenLocal { _ in loop.isCurrent }
            #expect(isThere == true)
            #expect(!loop.isCurrent)
            _ = try await counter.add(3, note: Note(text: "three"))
            return try await counter.total()
        }
        #expect(total == 3)
    }

    @Test func aRemoteCallGoesThroughBytes() throws {
        let simulation = Simulation(seed: 2)
        try simulation.drive {
            try await withTwoNodes(simulation) { counter, remote in
                let note = Note(text: "hello", tags: ["a", "ü"])
                #expect(try await remote.add(40, note: note) == 40)
                #expect(try await remote.addLater(2) == 42)
                #expect(try await remote.addByName(1, note: note) == 43)
                #expect(try await counter.total() == 43)
                try await remote.reset()
                #expect(try await counter.total() == 0)
                #expect(try await remote.bytes(3) == [7, 7, 7])
            }
        }
    }
}

/// Runs `body` with a counter on machine "b" and a proxy of it on machine "a".
func withTwoNodes(
    _ simulation: Simulation, gate: any Gate = OpenGate(), limits: ActorClusterLimits = .standard,
    _ body: @Sendable (_ local: Counter, _ remote: Counter) async throws -> Void
) async throws {
    let here = simulation.machine("a").environment
    let there = simulation.machine("b").environment
    let caller = try await ClusterActorSystem(
        types: [Counter.self], environment: here, placement: Everywhere(), limits: limits)
    let owner = try await ClusterActorSystem(types: [Counter.self], environment: there, limits: limits)
    let server = ActorInvocationServer(system: owner, clock: there.clock)
    let listener = try await there.links.listen(on: Everywhere.mesh, security: .plaintext, handler: server)
    let counter = try owner.start(counterID, on: there.executors.loops[0]) { Counter(gate: gate, actorSystem: owner) }
    let remote = try Counter.resolve(id: counterID, using: caller)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await server.run() }
        try await body(counter, remote)
        server.shutDown()
        try await group.waitForAll()
    }
    await listener.shutDown(by: there.clock.bootTime())
}
