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
        changeLines { $0.learn(ends.chain, of: ends.name.region) }
        tellAgreed()
        rebuildWhereNeeded()
        // What waited for bytes beyond one of these ends waits no more, and nothing else may ever wake it.
        for log in replica.held.sorted() where log.name == ends.name { catchUp(log) }
    }

    /// Every member has sealed: the own line agrees on its older incarnations' ends. The record is appended once the state
    /// stands on what it stands on and holds all that it lists, and nothing beyond; at once where that is so. An incarnation
    /// agrees once.
    ///
    /// Links are read by it before that: one to bytes that went with a disk is read as the end, or the log that is linked
    /// could never be applied and the record never be appended. Nothing else of it is a fact yet.
    func takeEnds(_ ends: EndsRecord) {
        let own = appender.log
        guard !isFenced, !replica.hasAppendedEnds,
            !state.lines.hasApplied(endsOf: own.incarnation, in: own.name.region)
        else { return }
        changeLines { $0.propose(EndsLink(number: own.incarnation, record: ends), of: own.name.region) }
        appendProposedEnds()
        guard !replica.hasAppendedEnds else { return }
        for listed in ends.ends { follow(LogIdentity(name: own.name, incarnation: listed.incarnation)) }
        for log in replica.followed.sorted() where log.name == own.name { catchUp(log) }
    }

    func appendProposedEnds() {
        let own = appender.log
        let line = state.lines.line(of: own.name.region)
        guard let link = line.proposed, !replica.hasAppendedEnds, !isFenced, !replica.isRebuilding,
            line.obstacle(to: link) == nil
        else { return }
        do throws(ShardError) {
            try appendEnds(link.record)
        } catch {
            return end(because: "\(error)")
        }
        onEndsAppended()
        flushSoon()
    }

    /// The own incarnation's ends record was appended last: it is applied once it is flushed, and told then (S1a, S6). Before
    /// anybody else who waits for the same flush.
    func onEndsAppended() {
        replica.hasAppendedEnds = true
        appender.wait(through: appender.nextOffset) { [self] flushed in
            guard case .success = flushed else { return }
            assumeIsolated { $0.confirmEnds() }
        }
    }

    private func confirmEnds() {
        let own = appender.log
        changeLines { lines in
            // Nothing of the line has moved since the record was appended at exactly its ends.
            _ = lines.confirmProposed(of: own.name.region)
        }
        onEndsConfirmed()
        tellAgreed()
        rebuildWhereNeeded()
        for log in replica.held.sorted() where log.name == own.name { catchUp(log) }
    }

    /// Whether an ends record is on its way that is not applied yet: no snapshot may be taken meanwhile (S6).
    var hasUnwrittenEnds: Bool { state.lines.line(of: appender.log.name.region).proposed != nil }

    /// Tells `onAgreed` what it has not heard yet, and stops following what is settled. Complexity: O(origins) when there is
    /// no news.
    func tellAgreed() {
        let own = appender.log.name
        var isMoved = false
        for (region, line) in state.lines.lines.sorted(by: { $0.key < $1.key }) {
            let news = ReplicaProgress.ToldEnds(base: line.base, tip: line.chain?.tip.point)
            guard replica.toldAgreed[region] != news else { continue }
            if replica.toldAgreed[region]?.base != line.base { isMoved = true }
            replica.toldAgreed[region] = news
            guard let chain = line.chain else { continue }
            let name = LogName(region: region, topic: own.topic, partition: own.partition)
            shell.onAgreed(AgreedEnds(name: name, chain: chain), line.base)
        }
        guard isMoved else { return }
        replica.followed = replica.followed.filter { !isSettled($0) }
        replica.held = replica.held.filter { !isSettled($0) }
        replica.stopped = replica.stopped.filter { !isSettled($0.key) }
        replica.failing = replica.failing.filter { !isSettled($0.key) }
    }

    /// S1b: what lies below an origin's floor leaves.
    func pruneLine(of region: RegionNumber, to floor: EndsPoint) {
        guard !isFenced else { return }
        changeLines { $0.prune(region, to: floor) }
    }

    func isSettled(_ log: LogIdentity) -> Bool { state.lines.isSettled(log.name.region, log.incarnation) }
}
