// A member's synced seal of an origin's older incarnations (S1a).
//
//   0  …  lengths: count, LogPoint each (log, flushed end, chain digest there)
//      …  agreed ends that the member knows of the origin: count, AgreedEnds each
//      …  what its states stand on: count, log name (8 bytes) and EndsPoint (24 bytes) each
//
// Counts are LEB128.

package import ClusterModel
package import EventLog

/// The ends record that a member's state of a log's topic and partition stands on.
package struct LineBase: Hashable, Sendable {
    package var name: LogName
    package var point: EndsPoint

    static let byteCount = 8 + EndsPoint.byteCount

    package init(name: LogName, point: EndsPoint) {
        self.name = name
        self.point = point
    }

    func encode(into writer: inout ByteWriter) {
        writer.write(name)
        writer.write(point)
    }

    init(from reader: inout ByteReader) throws(ByteCodingError) {
        name = try reader.readLogName()
        point = try reader.readEndsPoint()
    }
}

/// What a member has of them from its base on, and will not extend before the ends are agreed.
package struct SealAnswer: Hashable, Sendable {
    package var lengths: [LogPoint]
    package var agreed: [AgreedEnds]
    /// One a log name of which an ends record is applied.
    package var bases: [LineBase]

    package init(lengths: [LogPoint], agreed: [AgreedEnds], bases: [LineBase] = []) {
        self.lengths = lengths
        self.agreed = agreed
        self.bases = bases
    }

    package func encode(into writer: inout ByteWriter) {
        writer.writeVarint(UInt64(lengths.count))
        for length in lengths { length.encode(into: &writer) }
        writer.writeVarint(UInt64(agreed.count))
        for ends in agreed { ends.encode(into: &writer) }
        writer.writeVarint(UInt64(bases.count))
        for base in bases { base.encode(into: &writer) }
    }

    package init(from reader: inout ByteReader) throws(ByteCodingError) {
        let limits = MirrorLimits()
        lengths = []
        for _ in 0..<(try reader.readCount(limit: limits.heads, itemBytes: LogPoint.byteCount)) {
            lengths.append(try LogPoint(from: &reader))
        }
        agreed = []
        for _ in 0..<(try reader.readCount(limit: limits.agreedEnds, itemBytes: AgreedEnds.smallestByteCount)) {
            agreed.append(try AgreedEnds(from: &reader))
        }
        bases = []
        for _ in 0..<(try reader.readCount(limit: limits.agreedEnds, itemBytes: LineBase.byteCount)) {
            bases.append(try LineBase(from: &reader))
        }
    }
}
