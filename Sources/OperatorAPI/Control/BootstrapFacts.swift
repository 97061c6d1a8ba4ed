// What a node fetches from other members, because its own disk does not hold it (S5).

package import ClusterModel

/// As of now. A value.
package struct BootstrapFacts: Hashable, Sendable {
    /// Partitions, and the catalogue, that wait for a snapshot of another member.
    package var waiting = 0
    /// Those that have gone on from one since the start, and the bytes of their snapshots.
    package var done: UInt64 = 0
    package var bytes: UInt64 = 0
    /// What is being fetched, as topic/partition; nil between two.
    package var current: String?
    package var source: RegionNumber?
    package var position: UInt64 = 0
    package var length: UInt64 = 0
    /// Why it does not go on; nil while it does.
    package var failure: String?

    package init() {}
}

extension NodeControl {
    /// A node without peers fetches nothing.
    package var bootstrap: BootstrapFacts { BootstrapFacts() }
}
