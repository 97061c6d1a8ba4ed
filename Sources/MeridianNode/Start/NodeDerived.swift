// What a node derives from its shards for all of them: popularity.

import ClusterModel
import NodeEnvironment
import Personalization

/// Derives on a thread of its own. A value, whose thread `shutDown` ends.
struct NodeDerived: Sendable {
    private var popularity: PopularityRefresh
    private let executor: any DedicatedExecutor

    init(_ router: ShardRouter, environment: NodeEnvironment) {
        executor = environment.executors.makeDedicatedExecutor(label: "meridian-derive")
        popularity = PopularityRefresh(router: router, clock: environment.clock, executor: executor)
    }

    /// From what the shards hold at a start, before the node is ready: a figure that is derived on change only would stand
    /// at nothing until something changes.
    mutating func restore() async throws { try await popularity.refresh() }

    /// Goes on deriving until it is cancelled.
    func run() async throws { try await popularity.run() }

    func shutDown() { executor.shutDown() }
}
