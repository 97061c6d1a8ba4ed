// Numbers bound to methods, once, at start: after it a call costs one look-up and no demangling.

import ClusterModel
import Distributed
import Synchronization

/// The methods of all actor types of a node. Immutable.
struct MethodTable: Sendable {
    struct Entry: Sendable {
        let number: UInt16
        /// The compiler's name of the target, for the reflected way.
        let target: String
        let body: ErasedBody
    }

    private(set) var byKind: [ActorKind: [UInt16: Entry]] = [:]
    private(set) var numbers: [String: UInt16] = [:]

    /// Calls each method of each type on a proxy of a probe system and notes what it was asked for. Throws
    /// `.badMethodTable` for numbers, kinds or targets that stand twice, and for a `target` that calls nothing.
    static func bound(to types: [any ClusterActor.Type]) async throws(ActorCallError) -> MethodTable {
        var table = MethodTable()
        for type in types { try await table.bind(type) }
        return table
    }

    private mutating func bind<Act: ClusterActor>(_ type: Act.Type) async throws(ActorCallError) {
        guard type.kind != .unnamed, byKind[type.kind] == nil else {
            throw ActorCallError(.badMethodTable, "\(type): kind \(type.kind.rawValue) is taken")
        }
        var entries: [UInt16: Entry] = [:]
        for method in type.methods {
            let target = try await TargetProbe.target(of: method)
            guard entries[method.number] == nil, numbers[target] == nil else {
                throw ActorCallError(.badMethodTable, "\(type): method \(method.number) or its target stands twice")
            }
            entries[method.number] = Entry(number: method.number, target: target, body: ErasedBody(method.body))
            numbers[target] = method.number
        }
        byKind[type.kind] = entries
    }
}

/// Learns which target a call has.
final class TargetProbe: Sendable {
    private let seen = Mutex<[String]>([])

    func record(_ target: String) { seen.withLock { $0.append(target) } }

    static func target<Act: ClusterActor>(of method: ActorMethod<Act>) async throws(ActorCallError) -> String {
        let probe = TargetProbe()
        let identity = ActorIdentity(kind: Act.kind, region: RegionNumber(0), number: 0)
        do {
            let proxy = try Act.resolve(id: identity, using: ClusterActorSystem(probe: probe))
            try await method.target(proxy)
        } catch {
            // Expected: the probe system ends every call with an error.
        }
        let seen = probe.seen.withLock { $0 }
        guard seen.count == 1, let target = seen.first else {
            throw ActorCallError(
                .badMethodTable, "\(Act.self): the target of method \(method.number) makes \(seen.count) calls, not one"
            )
        }
        return target
    }
}

/// The body of a method whose actor type is forgotten.
enum ErasedBody: Sendable {
    /// Call it on the actor's executor only.
    case direct(@Sendable (any ClusterActor, inout ByteReader, inout ByteWriter) throws -> Void)
    case suspending(@Sendable (any ClusterActor, ByteReader, ByteWriter) async throws -> ByteWriter)
    case reflected

    init<Act: ClusterActor>(_ body: ActorMethod<Act>.Body) {
        switch body {
        case .direct(let run):
            self = .direct { erased, reader, writer in
                guard let actor = erased as? Act else { throw Self.wrongType }
                let (rest, written) = try actor.assumeIsolated { [reader, writer] actor in
                    var reader = reader
                    var writer = writer
                    try run(actor, &reader, &writer)
                    return (reader, writer)
                }
                (reader, writer) = (rest, written)
            }
        case .suspending(let run):
            self = .suspending { erased, reader, writer in
                guard let actor = erased as? Act else { throw Self.wrongType }
                let written = try await actor.whenLocal { actor in
                    var reader = reader
                    var writer = writer
                    try await run(actor, &reader, &writer)
                    return writer
                }
                guard let written else { throw Self.wrongType }
                return written
            }
        case .reflected: self = .reflected
        }
    }

    private static var wrongType: ActorCallError {
        ActorCallError(.wrongType, "the identity belongs to an actor of another type")
    }
}
