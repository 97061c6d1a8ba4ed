// The hand-written dispatch and the runtime's own agree, method by method.

import ClusterModel
import Distributed
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import ActorCluster

@Suite struct DispatchConformanceTests {
    @Test func theTableAnswersAsTheRuntimeDoes() throws {
        let seed: UInt64 = 30
        let simulation = Simulation(seed: seed)
        try simulation.drive {
            let environment = simulation.machine("a").environment
            let system = try await ClusterActorSystem(types: [Counter.self], environment: environment)
            let table = system.methods
            var generator = SeededGenerator(seed: seed)
            // Two counters that hear the same calls, one by each way, must stay equal.
            let loop = environment.executors.loops[0]
            let pair = try (0..<UInt64(2)).map { number in
                let id = ActorIdentity(kind: Counter.kind, region: RegionNumber(1), number: number)
                return try system.start(id, on: loop) { Counter(actorSystem: system) }
            }
            for round in 0..<300 {
                let numbers = table.byKind[Counter.kind]?.keys.sorted() ?? []
                let number = numbers[Int(generator.next() % UInt64(numbers.count))]
                let entry = try #require(table.byKind[Counter.kind]?[number])
                let arguments = Self.arguments(of: number, using: &generator)
                let byTable = await Self.outcome {
                    try await Self.dispatch(entry, on: pair[0], arguments, loop, system)
                }
                let byRuntime = await Self.outcome {
                    try await system.reflect(pair[1], target: entry.target, arguments: ByteReader(arguments)).bytes
                }
                #expect(byTable == byRuntime, "seed \(seed), round \(round), method \(number)")
            }
            let totals = (try await pair[0].total(), try await pair[1].total())
            #expect(totals.0 == totals.1)
        }
    }

    private static func arguments(of method: UInt16, using generator: inout SeededGenerator) -> [UInt8] {
        var writer = ByteWriter()
        switch method {
        case 1, 6:
            Int64(truncatingIfNeeded: generator.next()).encode(into: &writer)
            Note(text: "\(generator.next())", tags: ["t"]).encode(into: &writer)
        case 3, 5: Int64(truncatingIfNeeded: generator.next()).encode(into: &writer)
        case 7: Int(generator.next() % 100).encode(into: &writer)
        default: break
        }
        return writer.bytes
    }

    private static func dispatch(
        _ entry: MethodTable.Entry, on counter: Counter, _ arguments: [UInt8], _ loop: any NodeExecutor,
        _ system: ClusterActorSystem
    ) async throws -> [UInt8] {
        switch entry.body {
        case .direct(let body):
            return try await withCheckedThrowingContinuation { continuation in
                loop.execute {
                    var reader = ByteReader(arguments)
                    var writer = ReplyFrame.begun()
                    continuation.resume(with: Result { try body(counter, &reader, &writer) }.map { writer.bytes })
                }
            }
        case .suspending(let body):
            return try await body(counter, ByteReader(arguments), ReplyFrame.begun()).bytes
        case .reflected:
            return try await system.reflect(counter, target: entry.target, arguments: ByteReader(arguments)).bytes
        }
    }

    private static func outcome(_ body: () async throws -> [UInt8]) async -> String {
        do { return "\(try await body())" } catch { return "\(type(of: error))" }
    }
}
