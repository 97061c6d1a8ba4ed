// What both ends of a bootstrap share on a node, made before its mesh listens.

import ClusterModel
import EventLog
import NodeEnvironment
import Personalization

/// Kept for the node's life.
struct BootstrapParts: Sendable {
    let store: SnapshotStore
    let published: PublishedSnapshots
    let wants = BootstrapWants()

    init(_ log: any EventLogEngine, _ configuration: NodeConfiguration, files: any FileStore) {
        store = SnapshotStore(directory: NodeRecoveryRun.snapshotDirectory(configuration), files: files)
        published = PublishedSnapshots(store: store, log: log)
    }
}
