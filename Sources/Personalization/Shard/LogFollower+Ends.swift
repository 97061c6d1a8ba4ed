// S1a: agreed ends, those that others tell and those that the own line agrees on.

import ActorCluster
import ClusterModel
import Distributed
import EventLog

extension LogFollower {
    /// Agreed ends take effect when heard, whoever tells them and however often.
    func learnEnds(_ ends: AgreedEnds) {
        let own = appender.log.name
        guard !isFenced, ends.name.topic == own.topic, ends.name.partition == own.partition else { return }
        note(ends)
        tellAgreed()
        rebuildWhereNeeded()
        // What waited for bytes beyond one of these ends waits no more, and nothing else may ever wake it.
        for log in replica.held.sorted() where log.name == ends.name { catchUp(log) }
    }

    /// Every member has sealed: the own line agrees on its older incarnations' ends. The record is appended once all that
    /// it lists is applied here, and nothing beyond; at once where that is so. An incarnation agrees once.
    ///
    /// The ends take effect here before that: a link above one of them, to bytes that went with a disk, is read as the
    /// end, or the log that is linked could never be applied and the record never be appended. Nobody else is told.
    func takeEnds(_ ends: EndsRecord) {
        let own = appender.log
        guard !isFenced, !state.lines.hasApplied(endsOf: own.incarnation, in: own.name.region) else { return }
        replica.postponedEnds = ends
        note(AgreedEnds(name: own.name, writer: own.incarnation, ends: ends))
        rebuildWhereNeeded()
        appendPostponedEnds()
        for log in replica.followed.sorted() where log.name == own.name { catchUp(log) }
    }

    func appendPostponedEnds() {
        guard let ends = replica.postponedEnds, !isFenced, !replica.isRebuilding else { return }
        let own = appender.log
        guard state.lines.obstacle(to: ends, by: own.incarnation, of: own.name.region) == nil else { return }
        append(ends)
    }

    /// Whether agreed ends have taken effect here that are not on the disk yet: no snapshot may carry them (S6).
    var hasUnwrittenEnds: Bool { replica.postponedEnds != nil }

    private func append(_ ends: EndsRecord) {
        replica.postponedEnds = nil
        do throws(ShardError) {
            try appendEnds(ends)
        } catch {
            return end(because: "\(error)")
        }
        tellOwnEndsOnceFlushed()
        flushSoon()
    }

    /// The own incarnation's ends record was appended last.
    func tellOwnEndsOnceFlushed() {
        replica.ownEndsThrough = appender.nextOffset
        appender.wait(through: appender.nextOffset) { [self] flushed in
            guard case .success = flushed else { return }
            assumeIsolated { $0.tellAgreed() }
        }
    }

    /// Tells `onAgreed` what it has not heard yet and may (S6), and stops following what newer ends have settled.
    /// Complexity: O(origins) when there is no news.
    func tellAgreed() {
        let own = appender.log
        for agreed in state.agreedEnds(of: own.name.topic, own.name.partition)
        where replica.toldAgreed[agreed.name.region] != agreed.writer {
            let isOwn = agreed.name.region == own.name.region && agreed.writer == own.incarnation
            guard !isOwn || appender.flushed >= replica.ownEndsThrough else { continue }
            replica.toldAgreed[agreed.name.region] = agreed.writer
            shell.onAgreed(agreed)
        }
        guard replica.settled != state.lines.settled else { return }
        replica.settled = state.lines.settled
        replica.followed = replica.followed.filter { !isSettled($0) }
        replica.held = replica.held.filter { !isSettled($0) }
    }

    func isSettled(_ log: LogIdentity) -> Bool { state.lines.isSettled(log.name.region, log.incarnation) }
}
