// A fold that keeps nothing but which events it has met: how history is read without the shard (S13).

import ClusterModel
import EventLog
import MergeableState

/// The effects of all origins' logs of one partition from a position on. A value.
struct EffectFold: LogFold {
    var lines: OriginLines
    /// Ids met: those before the position are marked by who reads the log, so that their copies beyond it have no effect.
    private(set) var seen = IDIndex()
    private var effects: [Effect] = []
    private let partition: PartitionID

    init(_ partition: PartitionID, at position: EffectPosition, knowing ends: [AgreedEnds]) {
        self.partition = partition
        lines = OriginLines(at: position, knowing: ends)
    }

    static let eventKinds = UserEvent.kinds

    static func event(_ record: EventRecord) throws(ByteCodingError) -> UserEvent { try UserEvent(record) }

    mutating func take(
        _ event: UserEvent, of record: EventRecord, in region: RegionNumber, _ incarnation: Incarnation,
        at offset: Offset
    ) {
        guard event.hasEffect else { return }
        let key = MergeOrder(id: record.id, bodyDigest: record.bodyDigest)
        guard seen.insert(key) else { return }
        effects.append(
            Effect(
                key: key, event: event, stamp: record.stamp, partition: partition, region: region,
                incarnation: incarnation, offset: offset, bytes: record.encodedLength))
    }

    mutating func learn(_ ends: AgreedEnds) {
        lines.learn(ends.chain, of: ends.name.region)
        lines.cutAtAgreedEnds()
    }

    mutating func forget(members: [RegionNumber], bounds: TimeBounds) {
        guard let time = lines.time(over: members) else { return }
        seen.forget(before: time.advanced(by: .zero - bounds.forgetAfter))
    }

    /// Where more was read of an incarnation than was agreed on since, it is cut: nothing is kept that would have to go.
    mutating func take(_ batch: EncodedBatch) throws(ApplyError) -> BatchOutcome {
        do {
            return try apply(batch)
        } catch .endDiffers {
            lines.cutAtAgreedEnds()
            return try apply(batch)
        }
    }

    /// A record before the position: its event has had its effect.
    mutating func mark(_ record: EventRecord, in region: RegionNumber, _ incarnation: Incarnation) {
        lines.noteStamp(record.stamp, in: region, incarnation)
        guard UserEvent.kinds.contains(record.kind), record.kind != .served else { return }
        _ = seen.insert(MergeOrder(id: record.id, bodyDigest: record.bodyDigest))
    }

    /// Keeps at most `limit` ids, the latest. What is let go can show again if a copy of it comes.
    mutating func bound(to limit: Int) -> Bool { seen.forgetOldest(above: limit) }

    mutating func takeEffects() -> [Effect] {
        defer { effects = [] }
        return effects
    }
}
