// Agreed ends on the wire, where they stand in every handshake (S1a), and chains there and in the lineage's book.
//
// Ends: log name (8 bytes) and the chain. A chain: count LEB128 of ends records, each: number u64 and the body with a LEB128
// length, ascending.

import ClusterModel
import EventLog

extension AgreedEnds {
    static let smallestByteCount = 9 + EndsLink.smallestByteCount

    func encode(into writer: inout ByteWriter) {
        writer.write(name)
        chain.encode(into: &writer)
    }

    init(from reader: inout ByteReader) throws(ByteCodingError) {
        self.init(name: try reader.readLogName(), chain: try EndsChain(from: &reader))
    }
}

extension EndsChain {
    /// About what it comes to on the wire.
    var byteCount: Int {
        links.reduce(0) { $0.adding(clamping: EndsLink.smallestByteCount + 16 * $1.record.ends.count) }
    }

    func encode(into writer: inout ByteWriter) {
        writer.writeVarint(UInt64(links.count))
        for link in links { link.encode(into: &writer) }
    }

    init(from reader: inout ByteReader) throws(ByteCodingError) {
        let start = reader.offset
        var links: [EndsLink] = []
        for _ in 0..<(try reader.readCount(limit: EndsChain.maxLinks, itemBytes: EndsLink.smallestByteCount)) {
            links.append(try EndsLink(from: &reader))
        }
        guard let chain = EndsChain(links) else {
            throw ByteCodingError(.invalidValue(field: "chain of ends records"), at: start)
        }
        self = chain
    }
}
