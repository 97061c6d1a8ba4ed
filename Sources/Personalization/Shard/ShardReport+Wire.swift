// The reports of shards and of the catalogue between nodes.

import ActorCluster
package import ClusterModel
import MergeableState

extension ShardReport: Wire {
    package func encode(into writer: inout ByteWriter) {
        partition.encode(into: &writer)
        applyVersion.encode(into: &writer)
        writer.write(vector)
        digest.encode(into: &writer)
        for count in [users, markerRows, indexedIDs, unflushedRecords] { writer.writeVarint(UInt64(count)) }
    }

    package init(from reader: inout ByteReader) throws(ByteCodingError) {
        let partition = try PartitionID(from: &reader)
        let applyVersion = try UInt32(from: &reader)
        self.init(
            partition: partition, applyVersion: applyVersion, vector: try reader.readVector(),
            digest: try reader.readDigest(), users: Int(clamping: try reader.readVarint()),
            markerRows: Int(clamping: try reader.readVarint()), indexedIDs: Int(clamping: try reader.readVarint()),
            unflushedRecords: Int(clamping: try reader.readVarint()))
    }
}

extension ContentReport: Wire {
    package func encode(into writer: inout ByteWriter) {
        applyVersion.encode(into: &writer)
        writer.write(vector)
        digest.encode(into: &writer)
        writer.writeVarint(UInt64(contents))
    }

    package init(from reader: inout ByteReader) throws(ByteCodingError) {
        self.init(
            applyVersion: try UInt32(from: &reader), vector: try reader.readVector(), digest: try reader.readDigest(),
            contents: Int(clamping: try reader.readVarint()))
    }
}

extension ByteWriter {
    fileprivate mutating func write(_ vector: VersionVector) {
        write(UInt16(clamping: vector.entries.count))
        for entry in vector.entries {
            entry.region.encode(into: &self)
            entry.incarnation.encode(into: &self)
            entry.next.encode(into: &self)
        }
        write(UInt16(clamping: vector.bases.count))
        for region in vector.bases.keys.sorted() {
            region.encode(into: &self)
            write(vector.bases[region] ?? .genesis)
        }
    }
}

extension ByteReader {
    fileprivate mutating func readVector() throws(ByteCodingError) -> VersionVector {
        let start = offset
        let count = Int(try read(UInt16.self))
        guard count <= VersionVector.maxEntries else {
            throw ByteCodingError(.invalidValue(field: "vector"), at: start)
        }
        var entries: [VersionVector.Entry] = []
        for _ in 0..<count {
            entries.append(
                VersionVector.Entry(
                    region: try RegionNumber(from: &self), incarnation: try Incarnation(from: &self),
                    next: try Offset(from: &self)))
        }
        var bases: [RegionNumber: EndsPoint] = [:]
        for _ in 0..<(try read(UInt16.self)) { bases[try RegionNumber(from: &self)] = try readEndsPoint() }
        return VersionVector(entries, bases: bases)
    }
}
