// How a distributed actor takes part in the cluster.

package import Distributed

/// A distributed actor with a stable kind and numbered methods.
///
///     distributed actor UserShard: ClusterActor {
///         typealias ActorSystem = ClusterActorSystem
///         nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe actorSystem.executor(for: id) }
///         static let kind = ActorKind(1)
///         static let methods: [ActorMethod<UserShard>] = [
///             .direct(1, target: { _ = try await $0.users() }) { (shard: isolated UserShard) in shard.users() },
///             .suspending(2, target: { _ = try await $0.report(Report()) }) { (shard: isolated UserShard, report) in
///                 await shard.report(report)
///             },
///         ]
///         distributed func users() -> Int { … }
///         distributed func report(_ report: Report) async -> ReportReply { … }
///     }
///
/// Methods are not generic, take and return `Wire` values, and return foreseen failures as values: what they throw
/// reaches a remote caller as `.methodThrew` without its contents.
package protocol ClusterActor: DistributedActor where ActorSystem == ClusterActorSystem {
    /// Unique among the types of a deployment, for ever; not `.unnamed`.
    static var kind: ActorKind { get }

    /// Every distributed method that others call. A number is never given to another method or signature.
    static var methods: [ActorMethod<Self>] { get }
}
