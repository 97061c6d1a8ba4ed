// Lines in snapshots: count u16, then per origin
//
//   region u16, base (number u64, digest 16 bytes), the newest unlinked incarnation without applied ends u64,
//   count u16 and incarnations (number, next offset, last stamp: u64 each),
//   count u16 and ends records (number u64, body with a LEB128 length), ascending,
//   count u16 and settled ones below them, the same.
//
// No incarnation has number 0: it stands for none. What the own writer is about to record is in no snapshot.

import ClusterModel
import EventLog

extension OriginLines {
    func encode(into writer: inout ByteWriter) {
        writer.write(UInt16(clamping: lines.count))
        for region in lines.keys.sorted() {
            writer.write(region.rawValue)
            lines[region]?.encode(into: &writer)
        }
    }

    init(from reader: inout ByteReader) throws(ByteCodingError) {
        self.init()
        for _ in 0..<(try reader.read(UInt16.self)) {
            let region = RegionNumber(try reader.read())
            lines[region] = try OriginLine(from: &reader)
        }
    }
}

extension OriginLine {
    fileprivate func encode(into writer: inout ByteWriter) {
        writer.write(base)
        writer.write(untimed?.rawValue ?? 0)
        writer.write(UInt16(clamping: progress.count))
        for item in progress {
            writer.write(item.incarnation.rawValue)
            writer.write(item.next.rawValue)
            writer.write(item.lastStamp.rawValue)
        }
        writer.write(UInt16(clamping: chain?.links.count ?? 0))
        for link in chain?.links ?? [] { link.encode(into: &writer) }
        writer.write(UInt16(clamping: settled.count))
        for link in settled { link.encode(into: &writer) }
    }

    fileprivate init(from reader: inout ByteReader) throws(ByteCodingError) {
        self.init()
        base = try reader.readEndsPoint()
        let unlinked = Incarnation(try reader.read())
        untimed = unlinked == Incarnation(0) ? nil : unlinked
        for _ in 0..<(try reader.read(UInt16.self)) {
            progress.append(
                Progress(
                    incarnation: Incarnation(try reader.read()), next: Offset(try reader.read()),
                    lastStamp: HybridStamp(rawValue: try reader.read())))
        }
        var links: [EndsLink] = []
        let start = reader.offset
        for _ in 0..<(try reader.read(UInt16.self)) { links.append(try EndsLink(from: &reader)) }
        if !links.isEmpty {
            guard let chain = EndsChain(links) else {
                throw ByteCodingError(.invalidValue(field: "chain of ends records"), at: start)
            }
            self.chain = chain
        }
        try readSettled(&reader)
    }

    private mutating func readSettled(_ reader: inout ByteReader) throws(ByteCodingError) {
        let start = reader.offset
        for _ in 0..<(try reader.read(UInt16.self)) { settled.append(try EndsLink(from: &reader)) }
        guard settled.count <= Self.settledLinks,
            zip(settled, settled.dropFirst()).allSatisfy({ $0.number < $1.number }),
            settled.last.map({ $0.number <= chain?.root.number ?? $0.number }) ?? true
        else { throw ByteCodingError(.invalidValue(field: "settled ends records"), at: start) }
    }
}
