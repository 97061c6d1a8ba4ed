// The producers of all lines of a node, and their coding in a clean stop's index.
//
// Integers are little-endian.
//
// | part     | bytes                                                                                          |
// |----------|------------------------------------------------------------------------------------------------|
// | book     | number of lines u32, then the lines, ascending                                                 |
// | line     | region u16, topic u16, partition u32, number of producers u32, then these, ascending by id     |
// | producer | id u64, epoch u32, number of batches u32 (1 to the window), last stamp u64, then the batches   |
// | batch    | sequence u32, count u32, incarnation u64, base offset u64                                      |
//
// Valid: ascending, at least one producer a line, at most the limits, sequences without a gap.

package import ClusterModel

/// Tables by line. A value.
package struct ProducerBook: Hashable, Sendable {
    private var tables: [LogName: ProducerTable] = [:]

    package init() {}

    /// An empty one for a line of which nothing is known.
    package subscript(_ line: LogName) -> ProducerTable { tables[line] ?? ProducerTable() }

    package var isEmpty: Bool { tables.isEmpty }

    /// Takes a batch that was appended. Costs nothing where it has no producer.
    package mutating func note(_ header: BatchHeader) {
        guard header.producer.id != 0 else { return }
        tables[header.log.name, default: ProducerTable()].note(header)
    }

    // MARK: Coding

    private static let lineLength = 12
    private static let producerLength = 24
    private static let batchLength = 24

    package func encode(into writer: inout ByteWriter) {
        writer.write(UInt32(tables.count))
        for line in tables.keys.sorted() {
            guard let entries = tables[line]?.entries else { continue }
            writer.write(line.region.rawValue)
            writer.write(line.topic.rawValue)
            writer.write(line.partition.rawValue)
            writer.write(UInt32(entries.count))
            for (id, entry) in entries.sorted(by: { $0.key < $1.key }) { Self.encode(id, entry, into: &writer) }
        }
    }

    private static func encode(_ id: UInt64, _ entry: ProducerTable.Entry, into writer: inout ByteWriter) {
        writer.write(id)
        writer.write(entry.epoch)
        writer.write(UInt32(entry.batches.count))
        writer.write(entry.lastStamp.rawValue)
        for batch in entry.batches {
            writer.write(batch.sequence)
            writer.write(batch.count)
            writer.write(batch.incarnation.rawValue)
            writer.write(batch.base.rawValue)
        }
    }

    /// Counts are bounded by the bytes that are there before anything is allocated.
    package init(from reader: inout ByteReader) throws(ByteCodingError) {
        var last: LogName?
        for _ in 0..<(try Self.count(&reader, of: Self.lineLength)) {
            let line = LogName(
                region: RegionNumber(try reader.read()), topic: TopicID(try reader.read()),
                partition: PartitionID(try reader.read()))
            guard last.map({ $0 < line }) ?? true else { throw Self.invalid("order of lines", reader) }
            last = line
            tables[line] = try Self.table(&reader)
        }
    }

    private static func table(_ reader: inout ByteReader) throws(ByteCodingError) -> ProducerTable {
        var table = ProducerTable()
        let count = try count(&reader, of: producerLength)
        guard (1...ProducerLimits.producers).contains(count) else { throw invalid("number of producers", reader) }
        var last: UInt64?
        for _ in 0..<count {
            let id: UInt64 = try reader.read()
            guard last.map({ $0 < id }) ?? true else { throw invalid("order of producers", reader) }
            last = id
            let epoch: UInt32 = try reader.read()
            let batches = Int(try reader.read(UInt32.self))
            let stamp = HybridStamp(rawValue: try reader.read())
            guard (1...ProducerLimits.window).contains(batches) else { throw invalid("number of batches", reader) }
            table.entries[id] = ProducerTable.Entry(
                epoch: epoch, lastStamp: stamp, batches: try Self.batches(&reader, batches))
        }
        return table
    }

    private static func batches(
        _ reader: inout ByteReader, _ count: Int
    ) throws(ByteCodingError) -> [ProducerBatch] {
        var batches: [ProducerBatch] = []
        for _ in 0..<count {
            let (sequence, records) = (try reader.read(UInt32.self), try reader.read(UInt32.self))
            guard batches.last.map({ $0.sequence < sequence && sequence - $0.sequence == 1 }) ?? true else {
                throw invalid("sequence", reader)
            }
            batches.append(
                ProducerBatch(
                    sequence: sequence, count: records, incarnation: Incarnation(try reader.read()),
                    base: Offset(try reader.read())))
        }
        return batches
    }

    private static func count(_ reader: inout ByteReader, of length: Int) throws(ByteCodingError) -> Int {
        let count = Int(try reader.read(UInt32.self))
        guard count <= reader.remaining / length else { throw invalid("count", reader) }
        return count
    }

    private static func invalid(_ field: String, _ reader: ByteReader) -> ByteCodingError {
        ByteCodingError(.invalidValue(field: field), at: reader.offset)
    }
}
