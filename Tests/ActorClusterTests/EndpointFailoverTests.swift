// C24: every endpoint of a node serves calls to its actors. A4: both sides compare terms.

import ClusterModel
import Distributed
import GRPCFraming
import NIOCore
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import ActorCluster

private struct Several: ActorPlacement {
    let all: [Endpoint]

    func endpoints(of actor: ActorIdentity) -> [Endpoint] { all }
}

@Suite struct EndpointFailoverTests {
    private static let dead = Endpoint(host: "127.0.0.1", port: 7_777)

    /// Runs `body` with a proxy of a counter on machine "b"; the first endpoint of its node is one where nobody listens.
    private func withCounter(
        seed: UInt64, _ endpoints: [Endpoint], callers: TermsFingerprint? = nil, owners: TermsFingerprint? = nil,
        _ body: @escaping @Sendable (Counter) async throws -> Void
    ) throws {
        let simulation = Simulation(seed: seed)
        try simulation.drive {
            let (here, there) = (simulation.machine("a").environment, simulation.machine("b").environment)
            let caller = try await ClusterActorSystem(
                types: [Counter.self], environment: here, placement: Several(all: endpoints), terms: callers)
            let owner = try await ClusterActorSystem(types: [Counter.self], environment: there, terms: owners)
            let server = ActorInvocationServer(system: owner, clock: there.clock)
            let listener = try await there.links.listen(on: Everywhere.mesh, security: .plaintext, handler: server)
            let counter = try owner.start(counterID, on: there.executors.loops[0]) {
                Counter(gate: OpenGate(), actorSystem: owner)
            }
            let remote = try Counter.resolve(id: counterID, using: caller)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await server.run() }
                try await body(remote)
                server.shutDown()
                try await group.waitForAll()
            }
            _ = counter
            await listener.shutDown(by: there.clock.bootTime())
        }
    }

    @Test func c24ACallThatMayRepeatGoesOnAtTheNextEndpoint() throws {
        try withCounter(seed: 21, [Self.dead, Everywhere.mesh]) { remote in
            let sum = try await ClusterActorSystem.$mayRepeat.withValue(true) {
                try await remote.add(2, note: Note(text: "x", tags: []))
            }
            #expect(sum == 2)
        }
    }

    /// Whether the method ran is not known: only the next call goes elsewhere.
    @Test func c24ACallThatMayNotRepeatFailsAndTheNextOneSucceeds() throws {
        try withCounter(seed: 22, [Self.dead, Everywhere.mesh]) { remote in
            let note = Note(text: "x", tags: [])
            let error = await failure { try await remote.add(2, note: note) }
            #expect(error?.code == .linkFailed)
            let (second, third) = (try await remote.add(3, note: note), try await remote.add(4, note: note))
            #expect(second == 3 && third == 7)
        }
    }

    @Test func c24WithNoEndpointThereIsNoRoute() throws {
        try withCounter(seed: 23, []) { remote in
            let error = await failure { try await remote.total() }
            #expect(error?.code == .noRoute)
        }
    }

    @Test(arguments: [(UInt64?(1), UInt64?(2)), (nil, 2), (1, nil)])
    func a4CallsBetweenRegionsWithOtherTermsAreRefused(caller: UInt64?, owner: UInt64?) throws {
        try withCounter(
            seed: 24, [Everywhere.mesh], callers: caller.map { TermsFingerprint(rawValue: $0) },
            owners: owner.map { TermsFingerprint(rawValue: $0) }
        ) { remote in
            let error = await failure { try await remote.total() }
            #expect(error?.code == .otherTerms)
        }
        try withCounter(
            seed: 25, [Everywhere.mesh], callers: TermsFingerprint(rawValue: 7), owners: TermsFingerprint(rawValue: 7)
        ) { remote in
            let sum = try await remote.total()
            #expect(sum == 0)
        }
    }
}

/// What a call that has to fail fails with; nil where it does not.
private func failure(_ call: () async throws -> Int64) async -> ActorCallError? {
    do {
        _ = try await call()
        return nil
    } catch {
        return error as? ActorCallError
    }
}
