// Which logs a deployment can have at all: what a peer announces beyond them is never written down.

package import ClusterModel

/// Members, topics and partitions of the deployment. A value.
package struct LogScope: Hashable, Sendable {
    private let members: Set<RegionNumber>
    private let partitions: PartitionCount

    /// Topics of this version and of those that may come: a newer member's logs are kept for it.
    package static let topics: ClosedRange<UInt16> = 1...16

    package init(members: some Sequence<RegionNumber>, partitions: PartitionCount) {
        self.members = Set(members)
        self.partitions = partitions
    }

    /// With regions of which logs are held here: they are or were members.
    func and(_ others: [RegionNumber]) -> LogScope {
        LogScope(members: members.union(others), partitions: partitions)
    }

    package func holds(_ name: LogName) -> Bool {
        members.contains(name.region) && Self.topics.contains(name.topic.rawValue)
            && name.partition.rawValue < partitions.rawValue
    }
}
