// What mirrors hand up: the layers above implement it, so that imports point down only.

package import ClusterModel

/// Hears what mirrors learn from other regions. Thread-safe; every call returns at once.
package protocol MirroredLogConsumer: Sendable {
    /// A log that this node does not write has flushed bytes here: it is to be followed from now on. May be told again.
    func logAppeared(_ log: LogIdentity)

    /// Agreed ends are facts and take effect when heard, whoever tells them and however often (S1a).
    func endsHeard(_ ends: AgreedEnds)

    /// S1b: every member's published snapshots stand on this ends record of the line or on a later one: what lies below it
    /// leaves.
    func floorMoved(of name: LogName, to floor: EndsPoint)

    /// Another region has flushed these records of an own log: a cursor whose digest was checked (S11). It may go down. What
    /// came inside a bootstrap's snapshot is not among them.
    func cursorMoved(of region: RegionNumber, in log: LogIdentity, holding held: Range<Offset>)
}

extension MirroredLogConsumer {
    /// From the log's start on.
    package func cursorMoved(of region: RegionNumber, in log: LogIdentity, to end: Offset) {
        cursorMoved(of: region, in: log, holding: .zero..<end)
    }
}
