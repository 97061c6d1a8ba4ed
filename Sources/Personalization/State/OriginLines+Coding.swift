// Lines in snapshots: count u16, then per origin its region u16, the newest unlinked incarnation without applied ends u64,
// the newest with applied ends u64, count u16 and incarnations (number, next offset, last stamp: u64 each), the writer of
// the newest ends known u64, and their body. No incarnation has number 0: it stands for none.

import ClusterModel
import EventLog

extension OriginLines {
    func encode(into writer: inout ByteWriter) {
        // Of an origin there can be ends that were heard of, and nothing else.
        let regions = Set(origins.keys).union(agreed.keys)
        writer.write(UInt16(clamping: regions.count))
        for region in regions.sorted() {
            let progress = origins[region] ?? []
            writer.write(region.rawValue)
            writer.write(untimed[region]?.rawValue ?? 0)
            writer.write(settled[region]?.rawValue ?? 0)
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
            untimed[region] = Self.incarnation(try reader.read())
            settled[region] = Self.incarnation(try reader.read())
            var progress: [Progress] = []
            for _ in 0..<(try reader.read(UInt16.self)) {
                progress.append(
                    Progress(
                        incarnation: Incarnation(try reader.read()), next: Offset(try reader.read()),
                        lastStamp: HybridStamp(rawValue: try reader.read()))
                )
            }
            if !progress.isEmpty { origins[region] = progress }
            let by = Incarnation(try reader.read())
            let ends = try reader.readLengthPrefixed(limit: 2 + 16 * EndsRecord.maxEnds)
            if !ends.isEmpty {
                agreed[region] = try EndsRecord(body: Array(ends))
                newestAgreed[region] = by
            }
        }
    }

    private static func incarnation(_ number: UInt64) -> Incarnation? { number == 0 ? nil : Incarnation(number) }
}
