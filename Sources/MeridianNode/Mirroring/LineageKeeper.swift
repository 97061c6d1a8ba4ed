// The actor through which members exchange lineage: an origin asks each of them, the own one included, for its seal.

package import ActorCluster
package import ClusterModel
package import Distributed
import NodeEnvironment
package import RegionMirror

/// One a region. The same typed call reaches it in this process and in another region.
package distributed actor LineageKeeper: ClusterActor {
    package typealias ActorSystem = ClusterActorSystem

    package static let kind = ActorKind(3)
    /// Names a method's target; never sent.
    private static let unsent = SealRound(origin: RegionNumber(0), incarnation: Incarnation(0))
    package static let methods: [ActorMethod<LineageKeeper>] = [
        .suspending(1, target: { _ = try await $0.seal(SealQuestion(unsent)) }) {
            (keeper: isolated LineageKeeper, question: SealQuestion) in try await keeper.seal(question)
        },
        .suspending(2, target: { _ = try await $0.lift(to: CollectedEnds(of: unsent)) }) {
            (keeper: isolated LineageKeeper, collected: CollectedEnds) in try await keeper.lift(to: collected)
        },
    ]

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe actorSystem.executor(for: id) }

    private let mirror: RegionMirror

    init(mirror: RegionMirror, actorSystem: ClusterActorSystem) {
        self.mirror = mirror
        self.actorSystem = actorSystem
    }

    package static func identity(in region: RegionNumber) -> ActorIdentity {
        ActorIdentity(kind: kind, region: region, number: 0)
    }

    /// This member's synced seal of the origin's incarnations below the writer's (S1a). Throws where it cannot be given
    /// now; the collector asks again. Throws ActorCallError `.notPermitted` for another origin's lines.
    package distributed func seal(_ question: SealQuestion) async throws -> SealAnswer {
        try check(question.round)
        return try await mirror.seal(question)
    }

    /// Lets this member pull what the origin's ends records will name, and says whether all of it is flushed here (S1a).
    /// Throws ActorCallError `.notPermitted` for another origin's lines.
    package distributed func lift(to collected: CollectedEnds) async throws -> LiftAnswer {
        try check(collected.round)
        return try await mirror.lift(to: collected)
    }

    /// An origin's lines are sealed and lifted by itself and by nobody else (MeshAuthority). S1: a process that does not
    /// speak for its region seals nothing: that would silence the one that does. S3: nor does one whose terms are refused.
    private func check(_ round: SealRound) throws(ActorCallError) {
        let caller = ClusterActorSystem.caller
        guard mirror.authority.mayCollect(for: round.origin, by: caller) else {
            let name = caller.map { $0.certificateURI ?? $0.address } ?? "this process"
            throw ActorCallError(.notPermitted, "the lines of region \(round.origin.rawValue), for \(name)")
        }
        guard mirror.admits(round.origin, round.incarnation) else {
            throw ActorCallError(.refused, "another process, or none, speaks for region \(round.origin.rawValue) here")
        }
    }
}

extension SealQuestion: Wire {}
extension CollectedEnds: Wire {}
extension LiftAnswer: Wire {}
extension SealAnswer: Wire {}
