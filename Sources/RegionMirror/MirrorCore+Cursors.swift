// Cursors of other regions on our logs, and ours on theirs (S11).

import ClusterModel
import EventLog
import Logging
import NodeEnvironment
import Synchronization

extension MirrorCore {
    /// Takes a peer's report. Cursors at places that memory does not know are looked up on the disk; those that the peer may
    /// not report, or of a start that no clock can have made, count for nothing.
    func onCursors(_ report: CursorReport) {
        var unknown: [CursorReport.Cursor] = []
        let (ceiling, facts) = (ceiling, facts)
        for cursor in report.cursors where !facts.isBelowFloor(cursor.point.log) {
            guard authority.mayReport(cursor, by: report.teller), ceiling.admits(cursor.incarnation) else {
                onMisreport(cursor, by: report.teller)
                continue
            }
            let point = cursor.point
            guard point.log.name.region == settings.region else {
                relay(cursor)
                continue
            }
            guard point.offset <= log.flushedEnd(of: point.log) else {
                state.withLock { $0.cursors.onLongerCopy(cursor) }
                continue
            }
            if let chain = log.chainDigest(of: point.log, at: point.offset) {
                count(cursor, chain: chain)
            } else if let base = log.summary(of: point.log)?.base, point.offset < base {
                // Trimmed here: nothing says whether it is of this chain. It counts once it reaches what is left.
                onStart(of: cursor.region, cursor.incarnation)
            } else {
                unknown.append(cursor)
            }
        }
        if !unknown.isEmpty { lookUpLater(unknown) }
    }

    private func onMisreport(_ cursor: CursorReport.Cursor, by teller: RegionNumber) {
        guard state.withLock({ $0.misreporting.insert(teller).inserted }) else { return }
        logger.error(
            "a region reports cursors that are not its own to report, or are ahead of every clock that is believed",
            metadata: ["region": "\(teller.rawValue)", "as": "\(cursor.region.rawValue)", "log": "\(cursor.point.log)"])
    }

    /// A start of a region is followed here from now on: what an earlier one had flushed may be lost (S11).
    func onStart(of region: RegionNumber, _ incarnation: Incarnation) {
        let mustTell = state.withLock { $0.forgetCursors(of: region, before: incarnation) }
        if mustTell { tellCursors() }
    }

    /// The newest cursor of each region and log, at most `MirrorLimits.lookups`: what does not fit is told again by the
    /// next report.
    private func lookUpLater(_ unknown: [CursorReport.Cursor]) {
        let mustStart = state.withLock { state in
            for cursor in unknown {
                if let known = state.lookups.firstIndex(where: { $0.key == cursor.key }) {
                    state.lookups[known] = cursor
                } else if state.lookups.count < MirrorLimits.lookups {
                    state.lookups.append(cursor)
                }
            }
            defer { state.isLookingUp = true }
            return !state.isLookingUp
        }
        if mustStart { disk.execute { [self] in lookUp() } }
    }

    /// One a turn, so that pulls which need the disk do not wait behind all of them.
    private func lookUp() {
        let next = state.withLock { state -> CursorReport.Cursor? in
            state.isLookingUp = !state.lookups.isEmpty
            return state.lookups.isEmpty ? nil : state.lookups.removeFirst()
        }
        guard let next else { return }
        count(next, chain: readChain(at: next.point))
        disk.execute { [self] in lookUp() }
    }

    /// The digest before the batch that begins at the point; nil where none does.
    private func readChain(at point: LogPoint) -> Digest128? {
        if let summary = log.summary(of: point.log), summary.flushedEnd == point.offset { return summary.endDigest }
        // A place that cannot be read counts for nothing until the next report.
        let batch = try? log.read(point.log, from: point.offset, maxBytes: 1).first
        guard let batch, batch.header.baseOffset == point.offset else { return nil }
        return batch.header.previousDigest
    }

    private func count(_ reported: CursorReport.Cursor, chain: Digest128?) {
        var cursor = reported
        // What is trimmed here too is of nobody's concern any more: only what a bootstrap left out makes a copy a part.
        if let base = log.summary(of: cursor.point.log)?.base, cursor.first <= base { cursor.first = .zero }
        let (outcome, mustTell) = state.withLock { state in
            let mustTell = state.forgetCursors(of: cursor.region, before: cursor.incarnation)
            let outcome = state.cursors.onCursor(cursor, chain: chain)
            guard outcome != .ignored else { return (outcome, mustTell) }
            let held = outcome == .counted ? cursor.held : .zero..<(.zero)
            let told = ToldCursor(region: cursor.region, log: cursor.point.log, held: held)
            return (outcome, state.toldCursors.add([told]) || mustTell)
        }
        if mustTell { tellCursors() }
        guard outcome == .otherChain else { return }
        logger.error(
            "a region reports a cursor on another chain",
            metadata: ["region": "\(cursor.region.rawValue)", "log": "\(cursor.point.log)"])
    }

    /// In the order in which they were counted: one that went up must not be told after it went down.
    func tellCursors() {
        while let (cursor, consumer) = state.withLock({ state in state.toldCursors.next().map { ($0, state.consumer) } }
        ) {
            consumer?.cursorMoved(of: cursor.region, in: cursor.log, holding: cursor.held)
        }
    }

    /// Keeps another region's cursor for its origin, and tells the origin.
    private func relay(_ cursor: CursorReport.Cursor) {
        let key = cursor.key
        let origin = cursor.point.log.name.region
        let wake = state.withLock { state -> AsyncStream<Void>.Continuation? in
            guard state.links[origin] != nil, cursor.region != origin else { return nil }
            let known = state.relayed[key]
            guard known != nil || state.relayed.count < settings.limits.cursors else { return nil }
            guard known.map({ $0.incarnation <= cursor.incarnation }) ?? true else { return nil }
            state.relayed[key] = cursor
            state.links[origin]?.relayedUntold.insert(key)
            return state.links[origin]?.wake
        }
        wake?.yield()
    }

    /// What a peer has to be told now, at most `MirrorLimits.cursorsAtOnce`; it counts as told.
    func takeUntold(for region: RegionNumber) -> [CursorReport.Cursor] {
        let (logs, relayed, incarnation) = state.withLock { state in
            let logs = Array((state.links[region]?.untold ?? []).sorted().prefix(MirrorLimits.cursorsAtOnce))
            let keys = Array((state.links[region]?.relayedUntold ?? []).prefix(MirrorLimits.cursorsAtOnce))
            state.links[region]?.untold.subtract(logs)
            state.links[region]?.relayedUntold.subtract(keys)
            let relayed = keys.compactMap { state.relayed[$0] }
            return (logs, relayed, state.incarnation)
        }
        let own = logs.compactMap { identity in
            log.summary(of: identity).map { summary in
                CursorReport.Cursor(
                    region: settings.region, incarnation: incarnation,
                    point: LogPoint(log: identity, offset: summary.flushedEnd, digest: summary.endDigest),
                    first: summary.base)
            }
        }
        return own + relayed
    }

    /// A new link: all of the peer's logs are told again, and those of regions that cannot be told now.
    func tellAgain(_ region: RegionNumber) {
        let held = log.logs().map(\.log)
        let wake = state.withLock { state in
            let told = held.filter { Self.isTold(of: $0, region, state.links) }
            let relayed = state.relayed.keys.filter { $0.log.name.region == region }
            state.links[region]?.untold.formUnion(told)
            state.links[region]?.relayedUntold.formUnion(relayed)
            return state.links[region]?.wake
        }
        wake?.yield()
    }

    /// A link is gone, perhaps with a report: the others hear of that region's logs, and pass it on.
    func tellOthers(of lost: RegionNumber) {
        let held = log.logs().map(\.log).filter { $0.name.region == lost }
        guard !held.isEmpty else { return }
        let wakes = state.withLock { state in
            state.links.keys.sorted().compactMap { region -> AsyncStream<Void>.Continuation? in
                guard region != lost, let wake = state.links[region]?.wake else { return nil }
                state.links[region]?.untold.formUnion(held)
                return wake
            }
        }
        for wake in wakes { wake.yield() }
    }

    /// Own flushed records that not one other region has flushed, up to agreed ends, nor holds in a published snapshot: what
    /// dies with this region's disk. Of a start that others have settled their cursors are gone, since its log has left there.
    func unmirrored() -> UInt64 {
        let settled = floors.publishedElsewhere
        let own = log.logs().filter { summary in
            summary.log.name.region == settings.region
                && summary.log.incarnation >= settled[summary.log.name] ?? Incarnation(0)
        }
        return state.withLock { state in
            own.filter { !state.cursors.isLongerElsewhere($0.log) }.reduce(0 as UInt64) { sum, summary in
                let end = min(summary.flushedEnd, state.lineage.servedEnd(of: summary.log) ?? summary.flushedEnd)
                return sum.adding(clamping: end.distance(from: state.cursors.farthest(in: summary.log)))
            }
        }
    }
}

extension CursorReport.Cursor {
    var key: MirrorCore.CursorKey { MirrorCore.CursorKey(log: point.log, region: region) }
}

extension MirrorCore.State {
    /// What a region's earlier start had flushed counts no more, for waiters neither: a repetition would be acknowledged from a
    /// disk that is gone. Whether somebody has to tell them.
    fileprivate mutating func forgetCursors(of region: RegionNumber, before incarnation: Incarnation) -> Bool {
        let forgotten = cursors.onStart(of: region, incarnation)
        return toldCursors.add(
            forgotten.map { MirrorCore.ToldCursor(region: region, log: $0, held: .zero..<(.zero)) })
    }
}
