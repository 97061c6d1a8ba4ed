// What every state that is folded from origins' logs does with a batch.

package import ClusterModel
package import EventLog

/// A fold over all origins' logs of one topic and partition. One path for live records, restarts and mirrors: a state says
/// what a record means to it and how that changes it, and the driver below is the same for all topics.
package protocol LogFold: Sendable {
    /// What a record of the topic says.
    associatedtype Event: Sendable

    /// The driver's; a state reads them only.
    var lines: OriginLines { get set }

    /// The kinds of the topic's events. Beside the log's own records (`RecordKind.implementedLogRecords`) nothing else may
    /// stand in such a log.
    static var eventKinds: Set<RecordKind> { get }

    /// What a record of one of `eventKinds` says. Throws for a version or a body that this reader does not understand.
    static func event(_ record: EventRecord) throws(ByteCodingError) -> Event

    /// Takes an event in, once the lines have let its record through. Cannot fail, so that a record counts as a whole or not
    /// at all.
    mutating func take(
        _ event: Event, of record: EventRecord, in region: RegionNumber, _ incarnation: Incarnation, at offset: Offset)

    /// Forgets what nobody can send again (S5).
    mutating func forget(members: [RegionNumber], bounds: TimeBounds)
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

// MARK: The driver

extension LogFold {
    /// Folds the next record of a log. The lines are asked before anything is changed: what they hold back, or what lies
    /// beyond an agreed end (S1a), leaves no trace in the state, whatever the topic. Throws `.held` and `.beyondAgreedEnd`
    /// where it may not be applied (now), other errors where the log has to stop: a gap, a kind that this version does not
    /// implement here (S3), a body that does not parse, an id that no door can have let in.
    package mutating func apply(
        _ record: EventRecord, in region: RegionNumber, _ incarnation: Incarnation, at offset: Offset
    ) throws(ApplyError) {
        var event: Event?
        if Self.eventKinds.contains(record.kind) {
            // One such id would move every window that follows the newest event, in every region and for good.
            guard record.id.wallTime <= record.stamp.wallTime.advanced(by: TimeBounds.largestMaxFuture) else {
                throw .malformed("its id \(record.id) lies beyond its stamp by more than a door lets in")
            }
            do { event = try Self.event(record) } catch { throw .malformed("\(error)") }
        } else if !RecordKind.implementedLogRecords.contains(record.kind) {
            throw .unknownKind(record.kind)
        }
        try lines.onRecord(record, in: region, incarnation, at: offset)
        if let event { take(event, of: record, in: region, incarnation, at: offset) }
    }

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
                try apply(record, in: region, incarnation, at: offset)
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
