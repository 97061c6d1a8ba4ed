// What this node has published, for members that have to bootstrap (S5): the newest verified snapshot of each partition and of
// the catalogue, with the places from which its logs go on.

import ClusterModel
import EventLog
import MergeableState
import NodeEnvironment
import Personalization
import RegionMirror
import Synchronization

/// Told by whoever writes snapshots; asked by other members. Thread-safe.
final class PublishedSnapshots: SnapshotShelf {
    private struct Entry {
        var saved: SavedSnapshot
        var lines: OriginLines
    }

    private let store: SnapshotStore
    private let log: any EventLogEngine
    private let newest = Mutex<[SnapshotItem: Entry]>([:])

    init(store: SnapshotStore, log: any EventLogEngine) {
        self.store = store
        self.log = log
    }

    /// A snapshot of the owner was written and read back, at these lines.
    func onSaved(_ owner: SnapshotOwner, _ saved: SavedSnapshot, _ lines: OriginLines) {
        newest.withLock { $0[SnapshotItem(owner)] = Entry(saved: saved, lines: lines) }
    }

    func newest(of item: SnapshotItem) -> PublishedSnapshot? {
        guard let entry = newest.withLock({ $0[item] }), let bases = bases(of: item, entry.lines) else { return nil }
        let saved = entry.saved
        return PublishedSnapshot(
            item: item, generation: saved.generation.rawValue, length: saved.length, checksum: saved.checksum,
            bases: bases)
    }

    func open(_ item: SnapshotItem, generation: UInt64) -> (any StoredFile)? {
        guard let owner = SnapshotOwner(item) else { return nil }
        // One that is gone by now is not offered any more either.
        return try? store.open(owner, FileGeneration(generation))
    }

    // MARK: Where logs go on

    /// Nil where a log that the snapshot has records of is not held here up to that place, or where no batch ends there.
    private func bases(of item: SnapshotItem, _ lines: OriginLines) -> [LogBase]? {
        let held = log.logs().filter { item.concerns($0.log.name) }
        for entry in lines.vector.entries where entry.next > .zero {
            guard
                held.contains(where: { $0.log.name.region == entry.region && $0.log.incarnation == entry.incarnation })
            else { return nil }
        }
        var bases: [LogBase] = []
        for summary in held {
            let (region, incarnation) = (summary.log.name.region, summary.log.incarnation)
            var offset = lines.next(in: region, incarnation)
            // Of what is settled the rest is nobody's, and may be trimmed beyond its end, or not have come from an old disk: no
            // log goes on there, and the end that was agreed on is enough.
            let isSettled = lines.isSettled(region, incarnation)
            if isSettled { offset = max(offset, summary.base) }
            guard offset > .zero else { continue }
            guard let digest = digest(of: summary, at: offset) ?? (isSettled ? .zero : nil) else { return nil }
            bases.append(
                LogBase(
                    log: summary.log, offset: offset, digest: digest, lastStamp: summary.lastStamp,
                    epoch: offset == summary.flushedEnd ? summary.epoch : Epoch(0)))
        }
        return bases
    }

    private func digest(of summary: LogSummary, at offset: Offset) -> Digest128? {
        if offset == summary.flushedEnd { return summary.endDigest }
        if offset == summary.base { return summary.baseDigest }
        guard offset > summary.base, offset < summary.flushedEnd else { return nil }
        if let known = log.chainDigest(of: summary.log, at: offset) { return known }
        // What cannot be read is not offered.
        guard let batch = try? log.read(summary.log, from: offset, maxBytes: 1).first,
            batch.header.baseOffset == offset
        else { return nil }
        return batch.header.previousDigest
    }
}

extension SnapshotItem {
    /// The state of a snapshot's owner.
    init(_ owner: SnapshotOwner) { self.init(topic: owner.topic, partition: owner.partition) }
}

extension SnapshotOwner {
    /// Nil for what is nobody's state.
    init?(_ item: SnapshotItem) {
        switch item.topic {
        case .userEvents: self = .shard(item.partition)
        case .content where item.partition == PartitionID(0): self = .content
        default: return nil
        }
    }
}
