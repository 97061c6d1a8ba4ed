// What operators ask about replication, over all shards of a node and its catalogue.

package import ClusterModel
import Distributed

extension ShardRouter {
    /// Everything that is known of followed logs. One turn of each shard's loop.
    package func replicaFacts() async -> ReplicaFacts {
        var facts = await askContent { shard, answer in answer(shard.replicaFacts) }
        for one in await gather({ shard, answer in answer(shard.replicaFacts) }) { facts.merge(one) }
        return facts
    }

    /// The catalogue of this node.
    package func contentReport() async -> ContentReport {
        await askContent { shard, answer in answer(shard.inspect()) }
    }

    /// Logs that do not go on although there is more of them, and why: each is an alarm (S3).
    package func stoppedLogs() async -> [(LogIdentity, String)] {
        await replicaFacts().stopped.sorted { $0.log < $1.log }.map { ($0.log, $0.reason) }
    }
}
