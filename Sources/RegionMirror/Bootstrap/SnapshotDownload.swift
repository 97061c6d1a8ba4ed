// How far a snapshot is fetched, and what to ask for next. Pure: no clock, no files, no links.

package import ClusterModel

/// One file from one source, piece by piece in order. A value; its shell writes the pieces down.
package struct SnapshotDownload: Hashable, Sendable {
    package let source: RegionNumber
    package let snapshot: PublishedSnapshot
    /// Everything below it is written down.
    package private(set) var position: UInt64 = 0

    package init(of snapshot: PublishedSnapshot, from source: RegionNumber) {
        self.snapshot = snapshot
        self.source = source
    }

    package var isComplete: Bool { position == snapshot.length }

    /// Goes on after a stop that left `length` bytes. The last piece may have been on its way to the disk when power went: it is
    /// fetched once more. The checksum of the whole judges the rest.
    package mutating func resume(behind length: UInt64, pieceBytes: Int) {
        let piece = UInt64(clamping: max(1, pieceBytes))
        let whole = min(length, snapshot.length) / piece
        position = whole > 0 ? (whole - 1) * piece : 0
    }

    /// What to ask for; nil when all is there.
    package func next(
        caller: RegionNumber, deployment: UInt64, incarnation: Incarnation, pieceBytes: Int
    ) -> SnapshotReadRequest? {
        guard !isComplete else { return nil }
        let rest = snapshot.length - min(snapshot.length, position)
        return SnapshotReadRequest(
            caller: caller, deployment: deployment, incarnation: incarnation, item: snapshot.item,
            generation: snapshot.generation, position: position,
            maxBytes: UInt32(clamping: min(rest, UInt64(clamping: max(1, pieceBytes)))))
    }

    /// What to do with an answer.
    package enum Step: Hashable, Sendable {
        /// Write these bytes at this position; then call `onWritten`.
        case write([UInt8], at: UInt64)
        /// The source keeps the snapshot no more.
        case gone
    }

    /// Throws `.malformedFrame` for an answer to another question.
    package func onPiece(_ reply: SnapshotReadReply) throws(MirrorError) -> Step {
        guard let bytes = reply.bytes else { return .gone }
        let rest = snapshot.length - min(snapshot.length, position)
        guard reply.position == position, !bytes.isEmpty, UInt64(bytes.count) <= rest else {
            throw MirrorError(
                .malformedFrame, "\(bytes.count) bytes at \(reply.position) of a snapshot, asked for \(position)")
        }
        return .write(bytes, at: position)
    }

    /// The piece is on the disk.
    package mutating func onWritten(_ count: Int) {
        position = min(snapshot.length, position &+ UInt64(clamping: count))
    }
}
