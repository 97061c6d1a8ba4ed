// The shard's live effects (S13): told to a ring once they are flushed (S6), while anybody reads there.

package import ClusterModel
import Distributed
import EventLog

extension UserShard {
    /// Adds a reader. Effects are told from now on, if they were not before.
    func attach(_ reader: EffectReader) -> EffectAttachment {
        feed.attach(reader)
        if let reason = core.fencedBecause {
            feed.end(because: reason)
        } else if core.effects == nil {
            core.beginEffects()
            tellEffects()
        }
        let lines = core.state.lines
        let applied = lines.lines.keys.compactMap { region in lines.settled(region).map { (region, $0) } }
        return EffectAttachment(
            feed: feed,
            known: KnownEnds(
                ends: core.state.agreedEnds(of: .userEvents, partition),
                applied: Dictionary(applied, uniquingKeysWith: { first, _ in first })))
    }

    /// Something was applied, or flushed.
    func tellEffects() {
        guard core.effects != nil else { return }
        guard feed.hasReaders else {
            core.endEffects()
            return feed.rest()
        }
        feed.publish(core.takeReadyEffects())
    }
}

extension ShardRouter: EffectRouting {
    package func attach(_ reader: EffectReader, to partition: PartitionID) async -> EffectAttachment {
        await ask(partition) { shard, answer in answer(shard.attach(reader)) }
    }
}
