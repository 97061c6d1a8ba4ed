// States that wait for another member's snapshot.

import ClusterModel
import RegionMirror
import Synchronization

/// Told by shards, emptied by the run that helps them. Thread-safe; never blocks.
final class BootstrapWants: Sendable {
    private let items = Mutex<Set<SnapshotItem>>([])

    func want(_ topic: TopicID, _ partition: PartitionID) {
        items.withLock { _ = $0.insert(SnapshotItem(topic: topic, partition: partition)) }
    }

    func remove(_ item: SnapshotItem) { items.withLock { _ = $0.remove(item) } }

    /// Ascending.
    var all: [SnapshotItem] { items.withLock { $0.sorted() } }
}
