// What every state that is folded from origins' logs does with a batch.

package import ClusterModel
package import EventLog

/// A fold over all origins' logs of one topic and partition. One path for live records, restarts and mirrors.
package protocol LogFold: Sendable {
    var lines: OriginLines { get set }

    /// Forgets what nobody can send again (S5).
    mutating func forget(members: [RegionNumber], bounds: TimeBounds)

    /// Folds the next record of a log. Throws `.held` and `.beyondAgreedEnd` where it may not be applied (now), other
    /// errors where the log has to stop.
    mutating func fold(
        _ record: EventRecord, in region: RegionNumber, _ incarnation: Incarnation, at offset: Offset
    ) throws(ApplyError)
}

/// What became of a batch.
package enum BatchOutcome: Hashable, Sendable {
    /// All of it is applied.
    case applied
    /// It was applied before.
    case known
    /// It waits, whole or in part, for another batch or another incarnation first.
    case held
    /// It goes beyond the agreed end of its incarnation: up to there it is applied (S1a).
    case quarantined
}

extension LogFold {
    /// Folds the records of a batch that are not applied yet. Batches behind a snapshot cost one comparison. Throws
    /// where the log has to stop (S3).
    @discardableResult
    package mutating func apply(_ batch: EncodedBatch) throws(ApplyError) -> BatchOutcome {
        let (region, incarnation) = (batch.header.log.name.region, batch.header.log.incarnation)
        let next = lines.next(in: region, incarnation)
        if batch.endOffset <= next { return .known }
        if lines.isSettled(region, incarnation) { return .quarantined }
        guard batch.header.baseOffset <= next else { return try hold(batch, orTryAgain: false) }
        let records: [EventRecord]
        do { records = try batch.records() } catch { throw .malformed("\(error)") }
        for (place, record) in records.enumerated() {
            let offset = batch.header.baseOffset.advanced(by: place)
            guard offset >= next else { continue }
            do {
                try fold(record, in: region, incarnation, at: offset)
            } catch .held {
                return try hold(batch, orTryAgain: true)
            } catch .beyondAgreedEnd {
                return .quarantined
            }
        }
        return .applied
    }

    /// Agreed ends of one of its logs take effect at once (S1a).
    package mutating func learn(_ ends: AgreedEnds) { lines.learn(ends.chain, of: ends.name.region) }

    /// The batch waits. Agreed ends that it carries are facts all the same (S1a): a line that is linked above one of them
    /// would otherwise wait for ever for bytes beyond it, on every disk that never heard of them elsewhere. `orTryAgain`:
    /// where they are news, what held it may not any more.
    private mutating func hold(_ batch: EncodedBatch, orTryAgain mayTry: Bool) throws(ApplyError) -> BatchOutcome {
        let log = batch.header.log
        var isNews = false
        do {
            for (place, record) in try batch.records().enumerated() where record.kind == .ends {
                let offset = batch.header.baseOffset.advanced(by: place)
                // A record beyond its own log's agreed end is none.
                if let end = lines.agreedEnd(of: log.incarnation, in: log.name.region), offset >= end { continue }
                let link = EndsLink(number: log.incarnation, record: try EndsRecord(body: record.body))
                if lines.meet(link, of: log.name.region) { isNews = true }
            }
        } catch {
            throw .malformed("\(error)")
        }
        guard isNews, mayTry else { return .held }
        return try apply(batch)
    }

    /// The ends that it knows of, as those of the logs of one topic and partition.
    package func agreedEnds(of topic: TopicID, _ partition: PartitionID) -> [AgreedEnds] {
        lines.chains.map { region, chain in
            AgreedEnds(name: LogName(region: region, topic: topic, partition: partition), chain: chain)
        }
    }
}
