// Identities, executors, limits, deadlines: the life of actors and of calls.

import ClusterModel
import Distributed
import GRPCFraming
import NodeEnvironment
import SimulatedEnvironment
import Synchronization
import Testing

@testable import ActorCluster

/// Opens when the test says so.
private final class HeldGate: Gate {
    private let clock: any NodeClock
    private let span: Duration

    init(clock: any NodeClock, span: Duration) {
        self.clock = clock
        self.span = span
    }

    func pass() async throws { try await clock.sleep(for: span) }
}

@Suite struct LifeTests {
    @Test func anIdentityIsTakenOnceAndFreeAgainAfterItsActor() throws {
        let simulation = Simulation(seed: 10)
        try simulation.drive {
            let environment = simulation.machine("a").environment
            let system = try await ClusterActorSystem(types: [Counter.self], environment: environment)
            let loop = environment.executors.loops[0]
            var counter: Counter? = try system.start(counterID, on: loop) { Counter(actorSystem: system) }
            let code = await Self.code { _ = try system.start(counterID, on: loop) { Counter(actorSystem: system) } }
            #expect(code == .duplicateIdentity)
            #expect(try Self.isThere(counterID, system))
            counter = nil
            #expect(counter == nil)
            #expect(system.residents.count == 0)
            counter = try system.start(counterID, on: loop) { Counter(actorSystem: system) }
            #expect(counter != nil)
        }
    }

    @Test func aFailedStartLeavesNothingBehind() throws {
        let simulation = Simulation(seed: 11)
        try simulation.drive {
            let environment = simulation.machine("a").environment
            let system = try await ClusterActorSystem(types: [Counter.self], environment: environment)
            let loop = environment.executors.loops[0]
            #expect(throws: Refused.self) {
                _ = try system.start(counterID, on: loop) { () throws -> Counter in throw Refused() }
            }
            let other = try await ClusterActorSystem(types: [Counter.self], environment: environment)
            let code = await Self.code { _ = try system.start(counterID, on: loop) { Counter(actorSystem: other) } }
            #expect(code == .wrongType)
            #expect(system.residents.count == 0)
            let wrongKind = ActorIdentity(kind: ActorKind(8), region: RegionNumber(3), number: 1)
            let kindCode = await Self.code {
                _ = try system.start(wrongKind, on: loop) { Counter(actorSystem: system) }
            }
            #expect(kindCode == .wrongType)
        }
    }

    @Test func actorsAreBounded() throws {
        let simulation = Simulation(seed: 12)
        try simulation.drive {
            let environment = simulation.machine("a").environment
            var limits = ActorClusterLimits.standard
            limits.actors = 2
            let system = try await ClusterActorSystem(types: [Counter.self], environment: environment, limits: limits)
            let loop = environment.executors.loops[0]
            let kept = try (0..<UInt64(2)).map { number in
                let id = ActorIdentity(kind: Counter.kind, region: RegionNumber(1), number: number)
                return try system.start(id, on: loop) { Counter(actorSystem: system) }
            }
            let code = await Self.code { _ = try system.start(counterID, on: loop) { Counter(actorSystem: system) } }
            #expect(code == .tooManyActors)
            #expect(kept.count == 2)
            // One made outside `start` is nobody's to find.
            let unnamed = Counter(actorSystem: system)
            #expect(unnamed.id.kind == .unnamed)
            let found = try system.resolve(id: unnamed.id, as: Counter.self)
            #expect(found == nil)
        }
    }

    @Test func theActorRunsWhereItWasPut() throws {
        let simulation = Simulation(seed: 13)
        try simulation.drive {
            let environment = simulation.machine("a", loops: 3).environment
            let system = try await ClusterActorSystem(types: [Counter.self], environment: environment)
            for (number, loop) in environment.executors.loops.enumerated() {
                let id = ActorIdentity(kind: Counter.kind, region: RegionNumber(1), number: UInt64(number))
                let counter = try system.start(id, on: loop) { Counter(actorSystem: system) }
                // On the loop itself the actor answers without a suspension.
                let total = await withUnsafeContinuation { continuation in
                    loop.execute { continuation.resume(returning: counter.assumeIsolated { $0.sumOnLoop() }) }
                }
                #expect(total == 0)
            }
        }
    }

    @Test func tablesThatContradictThemselvesAreRefused() throws {
        let simulation = Simulation(seed: 14)
        try simulation.drive {
            let environment = simulation.machine("a").environment
            let twice = await Self.code {
                _ = try await ClusterActorSystem(types: [Counter.self, Counter.self], environment: environment)
            }
            #expect(twice == .badMethodTable)
            let mute = ActorMethod<Counter>.reflected(9, target: { _ in })
            #expect(await Self.code { _ = try await TargetProbe.target(of: mute) } == .badMethodTable)
        }
    }

    @Test func methodsWithoutANumberDoNotTravel() throws {
        let simulation = Simulation(seed: 15)
        try simulation.drive {
            try await withTwoNodes(simulation) { counter, remote in
                let local = try await counter.unnumbered()
                #expect(local == 0)
                #expect(await Self.code { _ = try await remote.unnumbered() } == .unnumberedMethod)
            }
        }
    }

    @Test func whatAMethodThrowsIsNotTold() throws {
        let simulation = Simulation(seed: 16)
        try simulation.drive {
            try await withTwoNodes(simulation) { counter, remote in
                let error = await #expect(throws: ActorCallError.self) { _ = try await remote.refuse(1) }
                #expect(error == ActorCallError(.methodThrew, "Refused"))
                await #expect(throws: Refused.self) { _ = try await counter.refuse(1) }
            }
        }
    }

    @Test func deadlinesAreKept() throws {
        let simulation = Simulation(seed: 17)
        try simulation.drive {
            let clock = simulation.machine("a").clock
            let gate = HeldGate(clock: simulation.machine("b").clock, span: .seconds(60))
            try await withTwoNodes(simulation, gate: gate) { counter, remote in
                let begun = clock.bootTime()
                // Nothing said: the limit's time-out.
                #expect(await Self.code { _ = try await remote.addLater(1) } == .deadlineExceeded)
                let waited = clock.bootTime().since(begun)
                #expect(waited >= .seconds(10) && waited < .seconds(11))
                let soon = clock.bootTime().advanced(by: .milliseconds(500))
                await ClusterActorSystem.$deadline.withValue(soon) {
                    #expect(await Self.code { _ = try await remote.addLater(1) } == .deadlineExceeded)
                }
                // Passed already: nothing is sent.
                await ClusterActorSystem.$deadline.withValue(begun) {
                    #expect(await Self.code { _ = try await remote.total() } == .deadlineExceeded)
                }
            }
        }
    }

    @Test func callsUnderWayAreBounded() throws {
        let simulation = Simulation(seed: 18)
        try simulation.drive {
            var limits = ActorClusterLimits.standard
            limits.outgoingCalls = 3
            let gate = HeldGate(clock: simulation.machine("b").clock, span: .seconds(1))
            try await withTwoNodes(simulation, gate: gate, limits: limits) { _, remote in
                let codes = await withTaskGroup(of: ActorCallError.Code?.self) { group in
                    for _ in 0..<5 { group.addTask { await Self.code { _ = try await remote.addLater(1) } } }
                    return await group.reduce(into: []) { $0.append($1) }
                }
                #expect(codes.filter { $0 == .tooManyCalls }.count == 2)
                #expect(codes.filter { $0 == nil }.count == 3)
            }
        }
    }

    @Test func suspendedCallsAreBounded() throws {
        let simulation = Simulation(seed: 19)
        try simulation.drive {
            var limits = ActorClusterLimits.standard
            limits.suspendedCalls = 2
            let gate = HeldGate(clock: simulation.machine("b").clock, span: .seconds(1))
            try await withTwoNodes(simulation, gate: gate, limits: limits) { _, remote in
                let codes = await withTaskGroup(of: ActorCallError.Code?.self) { group in
                    for _ in 0..<20 { group.addTask { await Self.code { _ = try await remote.addLater(1) } } }
                    return await group.reduce(into: []) { $0.append($1) }
                }
                #expect(codes.allSatisfy { $0 == nil || $0 == .overloaded })
                #expect(codes.contains(.overloaded) && codes.contains(nil))
            }
        }
    }

    @Test func bigFramesAreRefused() throws {
        let simulation = Simulation(seed: 20)
        try simulation.drive {
            var limits = ActorClusterLimits.standard
            limits.frameBytes = 1_000
            try await withTwoNodes(simulation, limits: limits) { _, remote in
                let note = Note(text: String(repeating: "x", count: 2_000))
                #expect(await Self.code { _ = try await remote.add(1, note: note) } == .requestTooLarge)
                #expect(await Self.code { _ = try await remote.bytes(2_000) } == .replyTooLarge)
                let small = try await remote.bytes(900)
                #expect(small.count == 900)
            }
        }
    }

    @Test func aLostNodeIsATypedError() throws {
        let simulation = Simulation(seed: 21)
        try simulation.drive {
            let environment = simulation.machine("a").environment
            let alone = try await ClusterActorSystem(types: [Counter.self], environment: environment)
            let nowhere = try Counter.resolve(id: counterID, using: alone)
            #expect(await Self.code { _ = try await nowhere.total() } == .noRoute)
            let caller = try await ClusterActorSystem(
                types: [Counter.self], environment: environment, placement: Everywhere())
            let remote = try Counter.resolve(id: counterID, using: caller)
            #expect(await Self.code { _ = try await remote.total() } == .linkFailed)
        }
    }

    private static func isThere(_ id: ActorIdentity, _ system: ClusterActorSystem) throws -> Bool {
        try system.resolve(id: id, as: Counter.self) != nil
    }

    private static func code(_ body: () async throws -> Void) async -> ActorCallError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? ActorCallError)?.code ?? ActorCallError.Code(rawValue: .max)
        }
    }
}

extension Counter {
    func sumOnLoop() -> Int64 {
        preconditionIsolated()
        return 0
    }
}
