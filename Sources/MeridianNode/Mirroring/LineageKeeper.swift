// The actor through which members exchange lineage: an origin asks each of them, the own one included, for its seal.

package import ActorCluster
package import ClusterModel
package import Distributed
package import RegionMirror

/// One a region. The same typed call reaches it in this process and in another region.
package distributed actor LineageKeeper: ClusterActor {
    package typealias ActorSystem = ClusterActorSystem

    package static let kind = ActorKind(3)
    package static let methods: [ActorMethod<LineageKeeper>] = [
        .suspending(1, target: { _ = try await $0.seal(RegionNumber(0), below: Incarnation(0)) }) {
            (keeper: isolated LineageKeeper, origin: RegionNumber, incarnation: Incarnation) in
            try await keeper.seal(origin, below: incarnation)
        }
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

    /// This member's synced seal of `origin`'s incarnations below `incarnation` (S1a). Throws where it cannot be given
    /// now; the collector asks again.
    package distributed func seal(_ origin: RegionNumber, below incarnation: Incarnation) async throws -> SealAnswer {
        try await mirror.seal(origin, below: incarnation)
    }
}

extension SealAnswer: Wire {}
