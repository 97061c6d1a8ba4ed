// Where a member's published snapshots stand: implemented above, where their formats are known.

package import NodeEnvironment

/// What a node has published. Thread-safe; both calls block on the disk.
package protocol SnapshotShelf: Sendable {
    /// The newest snapshot of the item that was read back and verified, with the bases that its logs go on from; nil where there
    /// is none, or where this disk cannot say how one of its logs goes on.
    func newest(of item: SnapshotItem) -> PublishedSnapshot?

    /// The bytes of a published snapshot; nil where it is not kept any more. Who keeps the file open keeps its bytes.
    func open(_ item: SnapshotItem, generation: UInt64) -> (any StoredFile)?
}
