// Lines in snapshots: count u16, then per origin its region u16, untimed u8, count u16 and incarnations (number, next
// offset, last stamp: u64 each), the incarnation that agreed on ends u64, and that ends record's body.

import ClusterModel
import EventLog

extension OriginLines {
    func encode(into writer: inout ByteWriter) {
        writer.write(UInt16(clamping: origins.count))
        for region in origins.keys.sorted() {
            let progress = origins[region] ?? []
            writer.write(region.rawValue)
            writer.write(UInt8(untimed.contains(region) ? 1 : 0))
            writer.write(UInt16(clamping: progress.count))
            for item in progress {
                writer.write(item.incarnation.rawValue)
                writer.write(item.next.rawValue)
                writer.write(item.lastStamp.rawValue)
            }
            writer.write(newestAgreed[region]?.rawValue ?? 0)
            writer.write(lengthPrefixed: agreed[region]?.body ?? [])
        }
    }

    init(from reader: inout ByteReader) throws(ByteCodingError) {
        self.init()
        for _ in 0..<(try reader.read(UInt16.self)) {
            let region = RegionNumber(try reader.read())
            if try reader.read(UInt8.self) == 1 { untimed.insert(region) }
            var progress: [Progress] = []
            for _ in 0..<(try reader.read(UInt16.self)) {
                progress.append(
                    Progress(
                        incarnation: Incarnation(try reader.read()), next: Offset(try reader.read()),
                        lastStamp: HybridStamp(rawValue: try reader.read()))
                )
            }
            origins[region] = progress
            let by = Incarnation(try reader.read())
            let ends = try reader.readLengthPrefixed(limit: 2 + 16 * EndsRecord.maxEnds)
            if !ends.isEmpty {
                agreed[region] = try EndsRecord(body: Array(ends))
                newestAgreed[region] = by
            }
        }
    }
}
