// Ends records in files and on the wire: number u64, then the body with a LEB128 length.

package import ClusterModel

extension EndsLink {
    /// Bytes of the shortest one.
    package static let smallestByteCount = 8 + 1 + EndsRecord.headLength

    package func encode(into writer: inout ByteWriter) {
        writer.write(number.rawValue)
        writer.write(lengthPrefixed: record.body)
    }

    package init(from reader: inout ByteReader) throws(ByteCodingError) {
        let number = Incarnation(try reader.read())
        let body = Array(try reader.readLengthPrefixed(limit: EndsRecord.maxLength))
        self.init(number: number, record: try EndsRecord(body: body))
    }
}
