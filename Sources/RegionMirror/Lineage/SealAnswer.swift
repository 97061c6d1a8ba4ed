// A member's synced seal of an origin's older incarnations (S1a).
//
//   0  …  lengths: count, LogPoint each (log, flushed end, chain digest there)
//      …  agreed ends that the member knows of the origin: count, AgreedEnds each
//
// Counts are LEB128.

package import ClusterModel
package import EventLog

/// What a member has of them, and will not extend before the ends are agreed.
package struct SealAnswer: Hashable, Sendable {
    package var lengths: [LogPoint]
    package var agreed: [AgreedEnds]

    package init(lengths: [LogPoint], agreed: [AgreedEnds]) {
        self.lengths = lengths
        self.agreed = agreed
    }

    package func encode(into writer: inout ByteWriter) {
        writer.writeVarint(UInt64(lengths.count))
        for length in lengths { length.encode(into: &writer) }
        writer.writeVarint(UInt64(agreed.count))
        for ends in agreed { ends.encode(into: &writer) }
    }

    package init(from reader: inout ByteReader) throws(ByteCodingError) {
        let limits = MirrorLimits()
        lengths = []
        for _ in 0..<(try reader.readCount(limit: limits.logs, itemBytes: LogPoint.byteCount)) {
            lengths.append(try LogPoint(from: &reader))
        }
        agreed = []
        for _ in 0..<(try reader.readCount(limit: limits.agreedEnds, itemBytes: AgreedEnds.smallestByteCount)) {
            agreed.append(try AgreedEnds(from: &reader))
        }
    }
}
