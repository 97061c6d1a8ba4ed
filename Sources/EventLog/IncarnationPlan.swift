// What a start has to do before it may write (S1, S1a): a pure decision from what recovery found.

package import ClusterModel

/// The new incarnation of an origin's logs, and the records that each of them begins with.
package struct IncarnationPlan: Hashable, Sendable {
    /// How one log of the origin begins.
    package struct Beginning: Hashable, Sendable {
        package var log: LogIdentity
        package var opening: OpeningRecord
        /// The older incarnations from the base on with their ends, none for a genesis. Only a deployment of one member may
        /// agree on them by itself; nil where peers have to seal first.
        package var ends: EndsRecord?
        /// The line's highest stamp: the new incarnation's stamps are above it (S2).
        package var stampFloor: HybridStamp
    }

    /// What the state of a log's line stands on (S1a).
    package struct Standing: Hashable, Sendable {
        package var base: EndsPoint
        /// The ends records that are known.
        package var chain: EndsChain?

        package init(base: EndsPoint = .genesis, chain: EndsChain? = nil) {
            self.base = base
            self.chain = chain
        }
    }

    package var incarnation: Incarnation
    /// How long to wait before the first append: 2D for a first start and for a copy.
    package var wait: Duration
    package var beginnings: [Beginning]

    /// Plans a start of `names`. Throws `.corrupt` when a log has more incarnations than an ends record holds, or one that
    /// leaves no room for a newer one.
    ///
    /// The number is the clock with random low bits, but above everything on the disk: a clock that was set back does not
    /// make an incarnation look old (HISTORIES 9). Another region's number that no clock can have made does not count: it
    /// names nothing of this region's. The predecessor of a log is its newest incarnation that has records.
    package init(
        starting names: [LogName], after recovered: RecoveryReport, now: WallTime, entropy: UInt64,
        bounds: TimeBounds, applyVersion: UInt32, isSoleMember: Bool,
        standing: (LogName) -> Standing = { _ in Standing() }
    ) throws(EventLogError) {
        let proposed = Incarnation(startedAt: now, entropy: entropy)
        let own = Set(names.map(\.region))
        let newest = recovered.logs.map(\.log).filter {
            own.contains($0.name.region) || TimeCeiling.possible.admits($0.incarnation)
        }.map(\.incarnation).max()
        let number = max(proposed, try Self.above(newest) ?? proposed)
        incarnation = number
        let isFirst = !recovered.logs.contains { summary in names.contains(summary.log.name) }
        wait = isFirst || recovered.isCopy ? bounds.maxDrift * 2 : .zero
        beginnings = []
        for name in names {
            let older = recovered.logs.filter { $0.log.name == name }.sorted { $0.log < $1.log }
            beginnings.append(
                try Self.beginning(
                    of: LogIdentity(name: name, incarnation: number), after: older, applyVersion,
                    isSoleMember ? standing(name) : nil))
        }
    }

    /// The number after `newest`. Throws `.corrupt` behind the last that is possible.
    private static func above(_ newest: Incarnation?) throws(EventLogError) -> Incarnation? {
        guard let newest else { return nil }
        guard let next = newest.next, TimeCeiling.possible.admits(next) else {
            throw EventLogError(
                .corrupt, "incarnation \(String(newest.rawValue, radix: 16)) leaves no room for a newer one")
        }
        return next
    }

    /// The same start above what other regions know of this one's logs: for a disk that has lost them (S1, S2). Throws
    /// `.corrupt` where nothing can be above it.
    package func raised(above newest: Incarnation?, _ stamp: HybridStamp) throws(EventLogError) -> IncarnationPlan {
        var plan = self
        if let newest, newest >= incarnation, let next = try Self.above(newest) { plan.incarnation = next }
        for index in plan.beginnings.indices {
            plan.beginnings[index].log.incarnation = plan.incarnation
            plan.beginnings[index].stampFloor = max(plan.beginnings[index].stampFloor, stamp)
        }
        return plan
    }

    private static func beginning(
        of log: LogIdentity, after older: [LogSummary], _ applyVersion: UInt32, _ sole: Standing?
    ) throws(EventLogError) -> Beginning {
        let predecessor = older.last.map {
            OpeningRecord.Predecessor(
                incarnation: $0.log.incarnation, end: $0.flushedEnd, digest: $0.endDigest)
        }
        var ends: EndsRecord?
        if let sole {
            ends = Self.ends(of: older, sole)
            guard ends != nil else {
                throw EventLogError(
                    .corrupt, log: log,
                    "\(older.count) older incarnations; at most \(EndsRecord.maxEnds) can be agreed on")
            }
        }
        return Beginning(
            log: log, opening: OpeningRecord(predecessor: predecessor, applyVersion: applyVersion), ends: ends,
            stampFloor: older.map(\.lastStamp).max() ?? .zero)
    }

    /// What stands on the disk, but for what an earlier record has cut.
    private static func ends(of older: [LogSummary], _ standing: Standing) -> EndsRecord? {
        let unsettled = older.filter { $0.log.incarnation >= standing.base.number }
        return EndsRecord(
            on: standing.base,
            unsettled.map { summary in
                let known = standing.chain.flatMap { chain in
                    summary.log.incarnation >= chain.root.number ? chain.end(of: summary.log.incarnation) : nil
                }
                return EndsRecord.End(
                    incarnation: summary.log.incarnation, end: min(summary.flushedEnd, known ?? summary.flushedEnd))
            })
    }
}
