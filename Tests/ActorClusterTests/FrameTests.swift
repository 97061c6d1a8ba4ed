// Frames: golden bytes, typed errors for wrong ones, mutation.

import ClusterModel
import Distributed
import GRPCFraming
import NIOCore
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import ActorCluster

@Suite struct FrameTests {
    /// kind 7, region 3, method 1, number 12, then 5 and ("hi", ["a"], nil).
    static let golden: [UInt8] =
        [1, 0, 7, 0, 3, 0, 1, 0, 12, 0, 0, 0, 0, 0, 0, 0] + [5, 0, 0, 0, 0, 0, 0, 0] + [2, 104, 105, 1, 1, 97, 0]

    @Test func requestsHaveTheirGoldenBytes() throws {
        let tap = TappedLinks()
        let simulation = Simulation(seed: 3)
        let base = simulation.machine("a").environment
        let environment = NodeEnvironment(
            clock: base.clock, entropy: base.entropy, executors: base.executors, files: base.files, links: tap)
        try simulation.drive {
            let system = try await ClusterActorSystem(
                types: [Counter.self], environment: environment, placement: Everywhere())
            let remote = try Counter.resolve(id: counterID, using: system)
            let sum = try await remote.add(5, note: Note(text: "hi", tags: ["a"]))
            #expect(sum == -2)
        }
        #expect(tap.requests == [Self.golden])
        #expect(tap.paths == ["/meridian.mesh.v1.Actors/Invoke"])
    }

    @Test func repliesHaveTheirGoldenBytes() throws {
        try withServer(seed: 4) { exchange in
            let reply = try await exchange(Self.golden)
            #expect(reply == [1, 0, 5, 0, 0, 0, 0, 0, 0, 0])
            let unknown = ReplyFrame.failure(ActorCallError(.unknownMethod, "x"))
            #expect(unknown == [1, 1, 2, 0, 1, 120])
        }
    }

    @Test func numbersAreBoundToTheirMethods() throws {
        let simulation = Simulation(seed: 5)
        try simulation.drive {
            let table = try await MethodTable.bound(to: [Counter.self])
            let names = table.byKind[Counter.kind]?.mapValues { $0.target } ?? [:]
            #expect(names.count == Counter.methods.count)
            // The compiler's mangled names carry the method's name behind its length.
            for (number, name) in [1: "3add", 2: "5total", 3: "8addLater", 4: "5reset", 5: "6refuse", 6: "9addByName"] {
                #expect(names[UInt16(number)]?.contains(name) == true, "\(number)")
            }
        }
    }

    @Test(arguments: [
        (FrameTests.golden.replacing(0, with: 2), ActorCallError.Code.unknownVersion),
        (FrameTests.golden.replacing(1, with: 1), .malformedFrame),
        (FrameTests.golden.replacing(2, with: 8), .unknownActor),
        (FrameTests.golden.replacing(4, with: 4), .unknownActor),
        (FrameTests.golden.replacing(8, with: 13), .unknownActor),
        (FrameTests.golden.replacing(6, with: 99), .unknownMethod),
        (Array(FrameTests.golden.prefix(15)), .malformedFrame),
        ([], .malformedFrame),
        (Array(FrameTests.golden.prefix(16)), .malformedArguments),
        (Array(FrameTests.golden.dropLast()), .malformedArguments),
        (FrameTests.golden + [0], .malformedArguments),
        (FrameTests.golden.replacing(25, with: 0xff), .malformedArguments),
    ])
    func wrongFramesGetTypedErrors(frame: [UInt8], code: ActorCallError.Code) throws {
        try withServer(seed: 6) { exchange in
            let reply = try await exchange(frame)
            let error = #expect(throws: ActorCallError.self) { _ = try ReplyFrame.open(reply) }
            #expect(error?.code == code)
        }
    }

    @Test func mutatedFramesAreAnsweredAndTrapNothing() throws {
        let seed: UInt64 = 7
        try withServer(seed: seed) { exchange in
            var generator = SeededGenerator(seed: seed)
            for round in 0..<4_000 {
                var frame = Self.golden
                // Method 3 suspends, 6 is reflected: the same arguments meet every way of dispatch.
                frame[6] = [1, 1, 2, 3, 5, 6, 7][Int(generator.next() % 7)]
                for _ in 0..<1 + generator.next() % 3 { frame.mutate(using: &generator) }
                // A reply that is one of ours, whatever it says.
                let reply = try await exchange(frame)
                do throws(ActorCallError) {
                    _ = try ReplyFrame.open(reply)
                } catch {
                    #expect(error.code.rawValue < 256, "seed \(seed), round \(round): \(error)")
                }
            }
        }
    }

    @Test func mutatedRepliesGiveTypedErrors() throws {
        let seed: UInt64 = 8
        var generator = SeededGenerator(seed: seed)
        let replies = [ReplyFrame.failure(ActorCallError(.methodThrew, "Refused")), [1, 0, 5, 0, 0, 0, 0, 0, 0, 0]]
        for _ in 0..<4_000 {
            var reply = replies[Int(generator.next() % 2)]
            reply.mutate(using: &generator)
            do throws(ActorCallError) {
                var reader = try ReplyFrame.open(reply)
                _ = try? Int64(from: &reader)
            } catch {
                #expect(!error.message.isEmpty || error.code != .malformedReply, "seed \(seed)")
            }
        }
    }

    @Test func longMessagesAreCut() throws {
        let frame = ReplyFrame.failure(ActorCallError(.methodThrew, String(repeating: "ü", count: 5_000)))
        #expect(frame.count <= ReplyFrame.messageBytes + 6)
        #expect(throws: ActorCallError.self) { _ = try ReplyFrame.open(frame) }
    }
}

/// Runs `body` with a way to send raw frames to a server that has the counter.
private func withServer(
    seed: UInt64,
    _ body: @escaping @Sendable (_ exchange: @Sendable ([UInt8]) async throws -> [UInt8]) async throws -> Void
) throws {
    let simulation = Simulation(seed: seed)
    try simulation.drive {
        try await withTwoNodes(simulation) { _, _ in
            let links = simulation.machine("a").environment.links
            let channel = try links.channel(to: Everywhere.mesh, security: .plaintext)
            try await body { frame in
                let reply = try await channel.unary(
                    path: ActorInvocationServer.path, message: ByteBuffer(bytes: frame), metadata: CallMetadata(),
                    deadline: nil)
                return Array(reply.message.readableBytesView)
            }
        }
    }
}

extension [UInt8] {
    func replacing(_ index: Int, with byte: UInt8) -> [UInt8] {
        var copy = self
        copy[index] = byte
        return copy
    }

    /// Flips a bit, cuts, repeats or inserts.
    mutating func mutate(using generator: inout SeededGenerator) {
        guard !isEmpty else { return append(UInt8(truncatingIfNeeded: generator.next())) }
        let place = Int(generator.next() % UInt64(count))
        switch generator.next() % 5 {
        case 0: self[place] ^= 1 << UInt8(generator.next() % 8)
        case 1: self[place] = UInt8(truncatingIfNeeded: generator.next())
        case 2: removeLast(count - place)
        case 3: append(contentsOf: self[place...])
        default: insert(UInt8(truncatingIfNeeded: generator.next()), at: place)
        }
    }
}
