// How a node's snapshots stand.

/// As of now. A value.
package struct SnapshotFacts: Hashable, Sendable {
    /// Of the shard or catalogue whose newest verified snapshot is oldest; since the start where there is none of this life.
    package var oldestSeconds: UInt64 = 0
    /// Attempts that failed, since the start.
    package var failures: UInt64 = 0
    /// Shards whose last attempt failed, the catalogue among them.
    package var failing = 0
    /// Shards of which fewer than two generations verify on the disk: their logs are not trimmed meanwhile (S8).
    package var unpaired = 0
    /// Which is too old, and why, for people; nil while none is.
    package var overdue: String?

    package init() {}
}
