// The body of an ends record: the agreed ends of an origin's older incarnations of one log (S1a).
//
// | bytes | field                                                                    |
// |-------|--------------------------------------------------------------------------|
// | 0-7   | number of the ends record that this one stands on, u64; zero for none    |
// | 8-23  | that record's digest, big-endian; zero for none                          |
// | 24-25 | count, u16                                                               |
// | 26-   | an incarnation 16 bytes: incarnation u64, end u64; ascending             |
//
// Version 1 of the body. Valid when the length fits the count, incarnations ascend strictly from the number on, and the
// count is bounded. The record's own number is the incarnation of the log in which it stands; its digest is the first half
// of the SHA-256 of that number (u64) and the body.

package import ClusterModel

/// Stands on one former ends record of the line and lists the incarnations from that one's on; one that is not listed has
/// end 0. What lies below the former one is fixed by it and by those before it.
package struct EndsRecord: Hashable, Sendable {
    package struct End: Hashable, Sendable {
        package var incarnation: Incarnation
        package var end: Offset

        package init(incarnation: Incarnation, end: Offset) {
            self.incarnation = incarnation
            self.end = end
        }
    }

    /// The record that this one stands on.
    package let on: EndsPoint
    /// Ascending by incarnation, distinct, none below `on`.
    package let ends: [End]

    /// Twice as many as the unsettled starts with which the next one waits (`UnsettledStarts`): other members may hold
    /// incarnations that this disk has lost.
    package static let maxEnds = 2_048
    static let headLength = 26
    /// The longest body.
    package static let maxLength = headLength + 16 * maxEnds

    /// Sorts; nil for a duplicate incarnation, one below `on`, or too many.
    package init?(on: EndsPoint = .genesis, _ ends: [End]) {
        let sorted = ends.sorted { $0.incarnation < $1.incarnation }
        guard sorted.count <= Self.maxEnds, sorted.first.map({ $0.incarnation >= on.number }) ?? true,
            zip(sorted, sorted.dropFirst()).allSatisfy({ $0.incarnation < $1.incarnation })
        else { return nil }
        self.on = on
        self.ends = sorted
    }

    /// The agreed end of an incarnation between the former record's and this one's. Complexity: O(log ends).
    package func end(of incarnation: Incarnation) -> Offset {
        var (low, high) = (0, ends.count)
        while low < high {
            let middle = (low + high) / 2
            if ends[middle].incarnation < incarnation { low = middle + 1 } else { high = middle }
        }
        return low < ends.count && ends[low].incarnation == incarnation ? ends[low].end : .zero
    }

    package var body: [UInt8] {
        var writer = ByteWriter(reservingCapacity: Self.headLength + 16 * ends.count)
        writer.write(on)
        writer.write(UInt16(ends.count))
        for end in ends {
            writer.write(end.incarnation.rawValue)
            writer.write(end.end.rawValue)
        }
        return writer.bytes
    }

    package init(body: [UInt8]) throws(ByteCodingError) {
        var reader = ByteReader(body)
        let on = try reader.readEndsPoint()
        let count = Int(try reader.read(UInt16.self))
        guard count <= Self.maxEnds, reader.remaining.isMultiple(of: 16), reader.remaining / 16 == count else {
            throw ByteCodingError(.invalidValue(field: "count of ends"), at: 0)
        }
        var ends: [End] = []
        for _ in 0..<count {
            let incarnation = Incarnation(try reader.read())
            ends.append(End(incarnation: incarnation, end: Offset(try reader.read())))
        }
        guard let record = EndsRecord(on: on, ends), record.ends == ends else {
            throw ByteCodingError(.invalidValue(field: "order of ends"), at: Self.headLength)
        }
        self = record
    }
}
