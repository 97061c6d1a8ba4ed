// A fetched state on its way to the shard that goes on from it (S5).

import ClusterModel
import Distributed

extension ShardRouter {
    /// Returns once the state is in the place of the partition's. Throws BootstrapRefusal. Precondition: the state is of one of
    /// this node's partitions.
    package func bootstrap(from state: ShardState) async throws {
        let outcome = await ask(state.partition) { shard, answer in
            shard.bootstrap(from: state) { answer($0) }
        }
        try outcome.get()
    }

    /// The same for the catalogue.
    package func bootstrapContent(from state: ContentState) async throws {
        let outcome = await askContent { shard, answer in shard.bootstrap(from: state) { answer($0) } }
        try outcome.get()
    }
}
