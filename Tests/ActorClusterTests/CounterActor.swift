// The example actor: how a type declares its kind, its executor and its numbered methods.

import ActorCluster
import ClusterModel
import Distributed

/// A value with every kind of part.
struct Note: Wire, Hashable {
    var text: String
    var tags: [String]
    var position: LogPosition?

    init(text: String, tags: [String] = [], position: LogPosition? = nil) {
        self.text = text
        self.tags = tags
        self.position = position
    }

    func encode(into writer: inout ByteWriter) {
        text.encode(into: &writer)
        tags.encode(into: &writer)
        position.encode(into: &writer)
    }

    init(from reader: inout ByteReader) throws(ByteCodingError) {
        self.init(
            text: try String(from: &reader), tags: try [String](from: &reader),
            position: try LogPosition?(from: &reader))
    }
}

struct Refused: Error {}

/// What the suspending method waits for.
protocol Gate: Sendable {
    func pass() async throws
}

struct OpenGate: Gate {
    func pass() async throws {}
}

distributed actor Counter: ClusterActor {
    typealias ActorSystem = ClusterActorSystem

    nonisolated var unownedExecutor: UnownedSerialExecutor { actorSystem.executor(for: id) }

    static let kind = ActorKind(7)

    static let methods: [ActorMethod<Counter>] = [
        .direct(1, target: { _ = try await $0.add(0, note: Note(text: "")) }) {
            (counter: isolated Counter, amount, note) in counter.add(amount, note: note)
        },
        .direct(2, target: { _ = try await $0.total() }) { (counter: isolated Counter) in counter.total() },
        .suspending(3, target: { _ = try await $0.addLater(0) }) { (counter: isolated Counter, amount) in
            try await counter.addLater(amount)
        },
        .reflected(4, target: { try await $0.reset() }),
        .direct(5, target: { _ = try await $0.refuse(1) }) { (counter: isolated Counter, amount) in
            try counter.refuse(amount)
        },
        .reflected(6, target: { _ = try await $0.addByName(0, note: Note(text: "")) }),
        .direct(7, target: { _ = try await $0.bytes(0) }) { (counter: isolated Counter, count) in
            counter.bytes(count)
        },
    ]

    private let gate: any Gate
    private var sum: Int64 = 0
    private var notes: [Note] = []

    init(gate: any Gate = OpenGate(), actorSystem: ClusterActorSystem) {
        self.actorSystem = actorSystem
        self.gate = gate
    }

    distributed func add(_ amount: Int64, note: Note) -> Int64 {
        sum &+= amount
        notes.append(note)
        return sum
    }

    distributed func total() -> Int64 { sum }

    distributed func addLater(_ amount: Int64) async throws -> Int64 {
        try await gate.pass()
        sum &+= amount
        return sum
    }

    distributed func reset() { sum = 0 }

    distributed func refuse(_ amount: Int64) throws -> Int64 { throw Refused() }

    distributed func addByName(_ amount: Int64, note: Note) -> Int64 { add(amount, note: note) }

    /// At most 10,000.
    distributed func bytes(_ count: Int) -> [UInt8] {
        [UInt8](repeating: 7, count: min(max(0, count), 10_000))
    }

    /// Not numbered: for local callers only.
    distributed func unnumbered() -> Int64 { sum }
}
