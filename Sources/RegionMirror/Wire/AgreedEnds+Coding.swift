// Agreed ends on the wire: they stand in every handshake (S1a).
//
// log name (8 bytes), incarnation u64 of the writer whose log holds the record, then the record's body with a LEB128
// length.

import ClusterModel
import EventLog

extension AgreedEnds {
    static let smallestByteCount = 19
    private static let bodyLimit = 2 + 16 * EndsRecord.maxEnds

    func encode(into writer: inout ByteWriter) {
        writer.write(name)
        writer.write(self.writer.rawValue)
        writer.write(lengthPrefixed: ends.body)
    }

    init(from reader: inout ByteReader) throws(ByteCodingError) {
        let name = try reader.readLogName()
        let writer = Incarnation(try reader.read())
        let body = Array(try reader.readLengthPrefixed(limit: Self.bodyLimit))
        self.init(name: name, writer: writer, ends: try EndsRecord(body: body))
    }
}
