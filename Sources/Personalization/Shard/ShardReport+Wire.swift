// A shard's report between nodes.

import ActorCluster
package import ClusterModel
import MergeableState

extension ShardReport: Wire {
    package func encode(into writer: inout ByteWriter) {
        partition.encode(into: &writer)
        applyVersion.encode(into: &writer)
        writer.write(UInt16(clamping: vector.entries.count))
        for entry in vector.entries {
            entry.region.encode(into: &writer)
            entry.incarnation.encode(into: &writer)
            entry.next.encode(into: &writer)
        }
        writer.write(UInt16(clamping: vector.bases.count))
        for region in vector.bases.keys.sorted() {
            region.encode(into: &writer)
            writer.write(vector.bases[region] ?? .genesis)
        }
        digest.encode(into: &writer)
        for count in [users, markerRows, indexedIDs, unflushedRecords] { writer.writeVarint(UInt64(count)) }
    }

    package init(from reader: inout ByteReader) throws(ByteCodingError) {
        let partition = try PartitionID(from: &reader)
        let applyVersion = try UInt32(from: &reader)
        let start = reader.offset
        let count = Int(try reader.read(UInt16.self))
        guard count <= VersionVector.maxEntries else {
            throw ByteCodingError(.invalidValue(field: "vector"), at: start)
        }
        var entries: [VersionVector.Entry] = []
        for _ in 0..<count {
            entries.append(
                VersionVector.Entry(
                    region: try RegionNumber(from: &reader), incarnation: try Incarnation(from: &reader),
                    next: try Offset(from: &reader)))
        }
        var bases: [RegionNumber: EndsPoint] = [:]
        for _ in 0..<(try reader.read(UInt16.self)) {
            bases[try RegionNumber(from: &reader)] = try reader.readEndsPoint()
        }
        self.init(
            partition: partition, applyVersion: applyVersion, vector: VersionVector(entries, bases: bases),
            digest: try reader.readDigest(), users: Int(clamping: try reader.readVarint()),
            markerRows: Int(clamping: try reader.readVarint()),
            indexedIDs: Int(clamping: try reader.readVarint()),
            unflushedRecords: Int(clamping: try reader.readVarint()))
    }
}
