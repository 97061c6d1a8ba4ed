// The names of actors: stable across restarts, releases and machines.

package import ClusterModel
import NodeEnvironment

/// A type of actor on the wire. A number is never given to a second type.
package struct ActorKind: Hashable, Sendable {
    package let rawValue: UInt16

    package init(_ rawValue: UInt16) { self.rawValue = rawValue }

    /// Actors that were made outside `ClusterActorSystem.start`: nobody else can resolve them.
    package static let unnamed = ActorKind(0)
}

/// (kind, region, number): which actor is meant, whichever node runs it. For a user shard the number is its partition.
///
/// Carries the executor of an actor that runs here, so that a hop looks nothing up; that is a local fact and takes no
/// part in equality, hashing or the wire.
package struct ActorIdentity: Sendable {
    package let kind: ActorKind
    package let region: RegionNumber
    package let number: UInt64
    let executor: (any NodeExecutor)?

    package init(kind: ActorKind, region: RegionNumber, number: UInt64) {
        self.init(kind: kind, region: region, number: number, executor: nil)
    }

    private init(kind: ActorKind, region: RegionNumber, number: UInt64, executor: (any NodeExecutor)?) {
        self.kind = kind
        self.region = region
        self.number = number
        self.executor = executor
    }

    func running(on executor: any NodeExecutor) -> ActorIdentity {
        ActorIdentity(kind: kind, region: region, number: number, executor: executor)
    }
}

extension ActorIdentity: Hashable {
    package static func == (lhs: Self, rhs: Self) -> Bool {
        lhs.number == rhs.number && lhs.kind == rhs.kind && lhs.region == rhs.region
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(kind)
        hasher.combine(region)
        hasher.combine(number)
    }
}

extension ActorIdentity: CustomStringConvertible {
    /// `kind/region/number`.
    package var description: String { "\(kind.rawValue)/\(region.rawValue)/\(number)" }
}
