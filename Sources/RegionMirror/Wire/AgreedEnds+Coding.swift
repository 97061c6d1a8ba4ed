// Agreed ends on the wire: they stand in every handshake (S1a).
//
// log name (8 bytes), count LEB128 of ends records, each: number u64 and the body with a LEB128 length, ascending.

import ClusterModel
import EventLog

extension AgreedEnds {
    static let smallestByteCount = 9 + EndsLink.smallestByteCount

    func encode(into writer: inout ByteWriter) {
        writer.write(name)
        writer.writeVarint(UInt64(chain.links.count))
        for link in chain.links { link.encode(into: &writer) }
    }

    init(from reader: inout ByteReader) throws(ByteCodingError) {
        let name = try reader.readLogName()
        let start = reader.offset
        var links: [EndsLink] = []
        for _ in 0..<(try reader.readCount(limit: EndsChain.maxLinks, itemBytes: EndsLink.smallestByteCount)) {
            links.append(try EndsLink(from: &reader))
        }
        guard let chain = EndsChain(links) else {
            throw ByteCodingError(.invalidValue(field: "chain of ends records"), at: start)
        }
        self.init(name: name, chain: chain)
    }
}
