// Where a consumer of effects stands in every partition that it reads, as tokens and files carry it.
//
// All counts and offsets are LEB128; other integers are little-endian.
//   count of logs; per log: region u16, incarnation u64
//   count of partitions; per partition: number,
//     count of settled incarnations; per one: index into the logs: all older ones of its region are read to their ends
//     count of entries; per entry: index into the logs, next offset
// Valid: everything ascends and stands once, indices are in range, no entry below what is settled, nothing left over.

package import ClusterModel
package import Personalization

/// Positions by partition. A value.
package struct StreamCursor: Hashable, Sendable {
    package var positions: [PartitionID: EffectPosition]

    package init(_ positions: [PartitionID: EffectPosition] = [:]) { self.positions = positions }

    /// Takes over the partitions that `other` names.
    package mutating func take(_ other: StreamCursor) {
        positions.merge(other.positions) { $1 }
    }

    private struct Log: Hashable, Comparable {
        var region: RegionNumber
        var incarnation: Incarnation

        static func < (lhs: Log, rhs: Log) -> Bool { (lhs.region, lhs.incarnation) < (rhs.region, rhs.incarnation) }
    }

    // MARK: Writing

    package func encode(into writer: inout ByteWriter) {
        let logs = Set(positions.values.flatMap(Self.logs)).sorted()
        let index = Dictionary(uniqueKeysWithValues: logs.enumerated().map { ($1, UInt64($0)) })
        writer.writeVarint(UInt64(logs.count))
        for log in logs {
            writer.write(log.region.rawValue)
            writer.write(log.incarnation.rawValue)
        }
        writer.writeVarint(UInt64(positions.count))
        for partition in positions.keys.sorted() {
            writer.writeVarint(UInt64(partition.rawValue))
            Self.encode(positions[partition]?.lines ?? [:], by: index, into: &writer)
        }
    }

    private static func encode(
        _ lines: [RegionNumber: EffectPosition.Line], by index: [Log: UInt64], into writer: inout ByteWriter
    ) {
        let regions = lines.keys.sorted()
        let settled = regions.compactMap { region in
            lines[region]?.settled.flatMap { index[Log(region: region, incarnation: $0)] }
        }
        writer.writeVarint(UInt64(settled.count))
        for place in settled { writer.writeVarint(place) }
        let entries = regions.flatMap { region in
            (lines[region]?.entries ?? []).map { (Log(region: region, incarnation: $0.incarnation), $0.next) }
        }
        writer.writeVarint(UInt64(entries.count))
        for (log, next) in entries {
            writer.writeVarint(index[log] ?? 0)
            writer.writeVarint(next.rawValue)
        }
    }

    private static func logs(_ position: EffectPosition) -> [Log] {
        position.lines.flatMap { region, line in
            line.entries.map { Log(region: region, incarnation: $0.incarnation) }
                + (line.settled.map { [Log(region: region, incarnation: $0)] } ?? [])
        }
    }

    // MARK: Reading

    /// Memory stays within a small multiple of the bytes: every count is of something that takes bytes of its own.
    package init(from reader: inout ByteReader) throws(ByteCodingError) {
        self.init()
        let logs = try Self.readLogs(&reader)
        var last: UInt64?
        for _ in 0..<(try Self.count(&reader, limit: UInt64(PartitionCount.maximum), "partitions")) {
            let number = try reader.readVarint()
            guard number < UInt64(PartitionCount.maximum), last.map({ $0 < number }) ?? true else {
                throw ByteCodingError(.invalidValue(field: "partition"), at: reader.offset)
            }
            last = number
            positions[PartitionID(UInt32(clamping: number))] = try Self.readPosition(&reader, logs)
        }
        try reader.expectEnd()
    }

    private static func readLogs(_ reader: inout ByteReader) throws(ByteCodingError) -> [Log] {
        var logs: [Log] = []
        for _ in 0..<(try count(&reader, limit: 1 << 16, "logs")) {
            let region = RegionNumber(try reader.read())
            let log = Log(region: region, incarnation: Incarnation(try reader.read()))
            guard logs.last.map({ $0 < log }) ?? true else {
                throw ByteCodingError(.invalidValue(field: "order of logs"), at: reader.offset)
            }
            logs.append(log)
        }
        return logs
    }

    private static func readPosition(
        _ reader: inout ByteReader, _ logs: [Log]
    ) throws(ByteCodingError) -> EffectPosition {
        var position = EffectPosition()
        var last: Log?
        for _ in 0..<(try count(&reader, limit: UInt64(logs.count), "settled")) {
            let log = try readLog(&reader, logs)
            guard last.map({ $0.region < log.region }) ?? true else {
                throw ByteCodingError(.invalidValue(field: "order of settled"), at: reader.offset)
            }
            last = log
            position.settle(log.region, below: log.incarnation)
        }
        last = nil
        for _ in 0..<(try count(&reader, limit: UInt64(logs.count), "entries")) {
            let log = try readLog(&reader, logs)
            guard last.map({ $0 < log }) ?? true, position.next(in: log.region, log.incarnation) != nil else {
                throw ByteCodingError(.invalidValue(field: "order of entries"), at: reader.offset)
            }
            last = log
            position.advance(log.region, log.incarnation, to: Offset(try reader.readVarint()))
        }
        return position
    }

    private static func readLog(_ reader: inout ByteReader, _ logs: [Log]) throws(ByteCodingError) -> Log {
        let place = try reader.readVarint()
        guard place < UInt64(logs.count) else {
            throw ByteCodingError(.invalidValue(field: "index of a log"), at: reader.offset)
        }
        return logs[Int(clamping: place)]
    }

    private static func count(
        _ reader: inout ByteReader, limit: UInt64, _ field: String
    ) throws(ByteCodingError) -> UInt64 {
        let count = try reader.readVarint()
        guard count <= limit else { throw ByteCodingError(.invalidValue(field: field), at: reader.offset) }
        return count
    }
}
