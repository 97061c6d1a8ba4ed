// The distributed actor system of a node: who lives here, and calls to those who live elsewhere. The receiving side is
// ActorInvocationServer.

package import ClusterModel
package import Distributed
package import NodeEnvironment
import Synchronization

/// Calls between actors, local or remote, with stable identities and numbered methods (PLATFORM facts stand in
/// Sources/ActorCluster). Thread-safe; holds its actors weakly. A local call costs what a call of a plain actor costs.
package final class ClusterActorSystem: DistributedActorSystem {
    package typealias ActorID = ActorIdentity
    package typealias SerializationRequirement = any Wire
    package typealias InvocationEncoder = ActorCluster.InvocationEncoder
    package typealias InvocationDecoder = ActorCluster.InvocationDecoder
    package typealias ResultHandler = InvocationResult

    /// Where calls go that do not stay here.
    enum Route: Sendable {
        case node(OutgoingCalls)
        /// Learns targets; no call leaves.
        case probe(TargetProbe)
    }

    /// What `start` hands to `assignID`, which the language gives no arguments.
    private struct Assignment: Sendable {
        let identity: ActorIdentity
        let system: ObjectIdentifier
    }

    @TaskLocal private static var assignment: Assignment?
    /// When the calls of this task must have an answer; nil for `ActorClusterLimits.callTimeout` from the call.
    @TaskLocal package static var deadline: BootInstant?
    /// Who makes the call that runs now, as the connection knows it; nil in calls of this process.
    @TaskLocal package static var caller: PeerIdentity?

    /// Whether the calls of this task may run twice: then one whose link fails goes on at the node's next endpoint.
    @TaskLocal package static var mayRepeat = false

    package let limits: ActorClusterLimits
    let methods: MethodTable
    let residents: ResidentActors
    let route: Route
    /// What callers and called must have in common (S3); nil compares nothing.
    let terms: TermsFingerprint?
    private let defaultExecutor: (any NodeExecutor)?

    /// A system for actors of `types`, whose methods are bound to their numbers here: throws `.badMethodTable` when
    /// they contradict each other. Calls to other nodes go over `environment.links` to where `placement` says.
    package init(
        types: [any ClusterActor.Type], environment: NodeEnvironment, placement: any ActorPlacement = OnlyHere(),
        security: LinkSecurity = .plaintext, terms: TermsFingerprint? = nil, limits: ActorClusterLimits = .standard
    ) async throws(ActorCallError) {
        methods = try await MethodTable.bound(to: types)
        residents = ResidentActors(limit: limits.actors)
        route = .node(
            OutgoingCalls(
                environment: environment, placement: placement, security: security, terms: terms, limits: limits))
        self.terms = terms
        defaultExecutor = environment.executors.loops.first
        self.limits = limits
    }

    init(probe: TargetProbe) {
        methods = MethodTable()
        residents = ResidentActors(limit: 0)
        route = .probe(probe)
        terms = nil
        defaultExecutor = nil
        limits = .standard
    }

    // MARK: Life of actors

    /// Makes the one actor that `make` creates with this system, under `identity`, running on `executor`. Throws
    /// `.duplicateIdentity` while an actor of that identity is here and `.tooManyActors` beyond the limit.
    package func start<Act: ClusterActor>(
        _ identity: ActorIdentity, on executor: any NodeExecutor, _ make: () throws -> Act
    ) throws -> Act {
        guard identity.kind == Act.kind, methods.byKind[Act.kind] != nil else {
            throw ActorCallError(.wrongType, "\(Act.self) cannot be \(identity)")
        }
        let assigned = identity.running(on: executor)
        try residents.reserve(assigned)
        let assignment = Assignment(identity: assigned, system: ObjectIdentifier(self))
        do {
            let actor = try Self.$assignment.withValue(assignment) { try make() }
            guard actor.id == identity, actor.actorSystem === self else {
                throw ActorCallError(.wrongType, "\(Act.self) was made by another system")
            }
            return actor
        } catch {
            residents.remove(assigned)
            throw error
        }
    }

    /// The executor of an actor, for its `unownedExecutor`. Looks nothing up.
    package func executor(for id: ActorIdentity) -> UnownedSerialExecutor {
        if let executor = id.executor ?? defaultExecutor { return unsafe executor.asUnownedSerialExecutor() }
        return unsafe MainActor.sharedUnownedExecutor
    }

    package func assignID<Act: DistributedActor>(_ actorType: Act.Type) -> ActorIdentity where Act.ID == ActorIdentity {
        if let assignment = Self.assignment, assignment.system == ObjectIdentifier(self),
            residents.claim(assignment.identity)
        {
            return assignment.identity
        }
        return residents.unnamed()
    }

    package func actorReady<Act: DistributedActor>(_ actor: Act) where Act.ID == ActorIdentity {
        if let actor = actor as? any ClusterActor { residents.ready(actor) }
    }

    package func resignID(_ id: ActorIdentity) { residents.remove(id) }

    package func resolve<Act: DistributedActor>(
        id: ActorIdentity, as actorType: Act.Type
    ) throws -> Act? where Act.ID == ActorIdentity {
        guard let actor = residents.find(id) else { return nil }
        guard let actor = actor as? Act else {
            throw ActorCallError(.wrongType, "\(id) is no \(actorType)")
        }
        return actor
    }

    // MARK: Calls

    /// Closes the links to other nodes; calls under way fail with `.linkFailed`. Idempotent.
    package func closeLinks() async {
        if case .node(let outgoing) = route { await outgoing.close() }
    }

    package func makeInvocationEncoder() -> InvocationEncoder { InvocationEncoder() }

    package func remoteCall<Act: DistributedActor, Err: Error, Res: Wire>(
        on actor: Act, target: RemoteCallTarget, invocation: inout InvocationEncoder, throwing: Err.Type,
        returning: Res.Type
    ) async throws -> Res where Act.ID == ActorIdentity {
        var reader = try await call(actor.id, target, &invocation)
        do throws(ByteCodingError) {
            let value = try Res(from: &reader)
            try reader.expectEnd()
            return value
        } catch {
            throw ActorCallError(.malformedReply, "\(error)")
        }
    }

    package func remoteCallVoid<Act: DistributedActor, Err: Error>(
        on actor: Act, target: RemoteCallTarget, invocation: inout InvocationEncoder, throwing: Err.Type
    ) async throws where Act.ID == ActorIdentity {
        let reader = try await call(actor.id, target, &invocation)
        guard reader.isAtEnd else { throw ActorCallError(.malformedReply, "a value where none was expected") }
    }

    private func call(
        _ id: ActorIdentity, _ target: RemoteCallTarget, _ invocation: inout InvocationEncoder
    ) async throws(ActorCallError) -> ByteReader {
        switch route {
        case .probe(let probe):
            probe.record(target.identifier)
            throw ActorCallError(.noRoute, "a probe makes no calls")
        case .node(let outgoing):
            guard let method = methods.numbers[target.identifier] else {
                throw ActorCallError(.unnumberedMethod, "\(target) has no number")
            }
            InvocationHeader(actor: id, method: method).overwrite(startOf: &invocation.frame)
            return try await outgoing.call(
                id, frame: invocation.frame.bytes, deadline: Self.deadline, repeats: Self.mayRepeat)
        }
    }
}
