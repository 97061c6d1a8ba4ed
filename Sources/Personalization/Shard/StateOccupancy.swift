// How full the states of a node are, against what their doors let in.

package import ClusterModel

/// The rows of one shard.
package struct ShardOccupancy: Hashable, Sendable {
    package var partition: PartitionID
    /// Rows that hold more than markers, and where new ones are refused.
    package var users: Int
    package var maxUsers: Int
    /// Rows that hold only markers, and where erasures of unknown users are refused. Withdrawals and erasures of users may go
    /// beyond it (S9).
    package var markerRows: Int
    package var maxMarkerRows: Int

    package init(partition: PartitionID, users: Int, maxUsers: Int, markerRows: Int, maxMarkerRows: Int) {
        self.partition = partition
        self.users = users
        self.maxUsers = maxUsers
        self.markerRows = markerRows
        self.maxMarkerRows = maxMarkerRows
    }
}

/// The states of a node, a second old at most: known without a turn of any loop.
package struct StateOccupancy: Hashable, Sendable {
    /// Ascending by partition; none before the node serves.
    package var shards: [ShardOccupancy]
    package var catalogue: CatalogueOccupancy

    package init(shards: [ShardOccupancy] = [], catalogue: CatalogueOccupancy = CatalogueOccupancy()) {
        self.shards = shards
        self.catalogue = catalogue
    }
}

extension ShardCore {
    var occupancy: ShardOccupancy {
        ShardOccupancy(
            partition: state.partition, users: state.userCount, maxUsers: settings.maxUsers,
            markerRows: state.markerRowCount, maxMarkerRows: settings.maxMarkerRows)
    }
}

extension ShardRouter {
    /// S2: gives idle logs their time marks where one is due, and takes note of how full their states are.
    package func markTimes() {
        onEach { [self] shard in
            shard.markTime()
            note(shard.core.occupancy)
        }
        laterForContent { $0.markTime() }
    }

    /// As of the last `markTimes`. Never blocks. Complexity: O(partitions + items of the catalogue).
    package func occupancy(at now: WallTime) -> StateOccupancy {
        StateOccupancy(shards: notedOccupancies, catalogue: catalogue().occupancy(at: now))
    }
}
