// Cursors of other regions on our logs, and ours on theirs (S11).

import ClusterModel
import EventLog
import Logging
import NodeEnvironment
import Synchronization

extension MirrorCore {
    /// Takes a peer's report. Cursors at places that memory does not know are looked up on the disk.
    func onCursors(_ report: CursorReport) {
        var unknown: [CursorReport.Cursor] = []
        for cursor in report.cursors {
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
            } else if unknown.count < MirrorLimits.lookups {
                unknown.append(cursor)
            }
        }
        guard !unknown.isEmpty else { return }
        let lookups = unknown
        disk.execute { [self] in
            for cursor in lookups { count(cursor, chain: readChain(at: cursor.point)) }
        }
    }

    /// The digest before the batch that begins at the point; nil where none does.
    private func readChain(at point: LogPoint) -> Digest128? {
        if let summary = log.summary(of: point.log), summary.flushedEnd == point.offset { return summary.endDigest }
        // A place that cannot be read counts for nothing until the next report.
        let batch = try? log.read(point.log, from: point.offset, maxBytes: 1).first
        guard let batch, batch.header.baseOffset == point.offset else { return nil }
        return batch.header.previousDigest
    }

    private func count(_ cursor: CursorReport.Cursor, chain: Digest128?) {
        let (outcome, consumer) = state.withLock { state in
            (state.cursors.onCursor(cursor, chain: chain), state.consumer)
        }
        switch outcome {
        case .counted: consumer?.cursorMoved(of: cursor.region, in: cursor.point.log, to: cursor.point.offset)
        case .otherChain:
            consumer?.cursorMoved(of: cursor.region, in: cursor.point.log, to: .zero)
            logger.error(
                "a region reports a cursor on another chain",
                metadata: ["region": "\(cursor.region.rawValue)", "log": "\(cursor.point.log)"])
        case .ignored: return
        }
    }

    /// Keeps another region's cursor for its origin, and tells the origin.
    private func relay(_ cursor: CursorReport.Cursor) {
        let key = CursorKey(log: cursor.point.log, region: cursor.region)
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
                    point: LogPoint(log: identity, offset: summary.flushedEnd, digest: summary.endDigest))
            }
        }
        return own + relayed
    }

    /// A new link: all of the peer's logs are told again.
    func tellAgain(_ region: RegionNumber) {
        let held = log.logs().filter { $0.log.name.region == region }.map(\.log)
        let wake = state.withLock { state in
            state.links[region]?.untold.formUnion(held)
            return state.links[region]?.wake
        }
        wake?.yield()
    }

    /// Own flushed records that not one other region has flushed, up to agreed ends: what dies with this region's disk.
    func unmirrored() -> UInt64 {
        let own = log.logs().filter { $0.log.name.region == settings.region }
        return state.withLock { state in
            own.filter { !state.cursors.isLongerElsewhere($0.log) }.reduce(0) { sum, summary in
                let end = min(summary.flushedEnd, state.lineage.servedEnd(of: summary.log) ?? summary.flushedEnd)
                return sum + end.rawValue - min(end, state.cursors.farthest(in: summary.log)).rawValue
            }
        }
    }
}
