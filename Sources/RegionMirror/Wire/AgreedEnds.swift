// Agreed ends on the wire: facts that travel in every handshake (S1a).
//
// log name (8 bytes), incarnation u64 of the writer whose log holds the record, then the record's body with a LEB128
// length.

package import ClusterModel
package import EventLog

/// The ends that `writer`'s ends record names for the older incarnations of a log.
package struct AgreedEnds: Hashable, Sendable {
    package var name: LogName
    package var writer: Incarnation
    package var ends: EndsRecord

    static let smallestByteCount = 19
    private static let bodyLimit = 2 + 16 * EndsRecord.maxEnds

    package init(name: LogName, writer: Incarnation, ends: EndsRecord) {
        self.name = name
        self.writer = writer
        self.ends = ends
    }

    /// The agreed end of an incarnation older than the writer, 0 for one that is not listed; nil for others.
    package func end(of log: LogIdentity) -> Offset? {
        guard log.name == name, log.incarnation < writer else { return nil }
        return ends.end(of: log.incarnation)
    }

    func encode(into writer: inout ByteWriter) {
        writer.write(name)
        writer.write(self.writer.rawValue)
        writer.write(lengthPrefixed: ends.body)
    }

    init(from reader: inout ByteReader) throws(ByteCodingError) {
        name = try reader.readLogName()
        writer = Incarnation(try reader.read())
        ends = try EndsRecord(body: Array(try reader.readLengthPrefixed(limit: Self.bodyLimit)))
    }
}
