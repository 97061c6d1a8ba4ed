// What a shard tells readers of effects (S13): nothing while there are none.

import ClusterModel
import EventLog

extension ShardCore {
    /// Tells effects from here on. What was applied before is for readers to find in the logs.
    mutating func beginEffects() {
        state.keepEffects(true)
        _ = state.takeEffects()
        effects = EffectTail(own: appender.log, at: state.lines.effectPosition, ownNext: appender.nextOffset)
    }

    mutating func endEffects() {
        state.keepEffects(false)
        effects = nil
    }

    /// Something of `log` may have been applied beyond `before`.
    mutating func noteEffects(_ log: LogIdentity, since before: Offset) {
        guard effects != nil else { return }
        let (region, incarnation) = (log.name.region, log.incarnation)
        let next = state.lines.next(in: region, incarnation)
        guard next > before else { return }
        let settled = state.lines.settled(region)
        let item = EffectItem(
            region: region, incarnation: incarnation, next: next, settled: settled == incarnation ? settled : nil,
            effects: state.takeEffects())
        // Too much waits for the disk: readers find in the log what they are not told.
        if effects?.append(item) == false { beginEffects() }
    }

    /// The own ends record, which stands in the own log already, is applied: readers are done with what it settles.
    mutating func onEndsConfirmed() {
        guard effects != nil, appender.nextOffset > .zero else { return }
        noteEffects(appender.log, since: Offset(appender.nextOffset.rawValue - 1))
    }

    /// What may be told now (S6).
    mutating func takeReadyEffects() -> [EffectTail.Step] { effects?.takeReady(flushed: appender.flushed) ?? [] }
}
