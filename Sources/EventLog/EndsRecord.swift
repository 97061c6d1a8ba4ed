// The body of an ends record: the agreed ends of an origin's older incarnations of one log (S1a).
//
// | bytes | field                                                            |
// |-------|------------------------------------------------------------------|
// | 0-1   | count, u16                                                       |
// | 2-    | an incarnation 16 bytes: incarnation u64, end u64; ascending     |
//
// Version 1 of the body. Valid when the length fits the count, incarnations ascend strictly, and the count is bounded.

package import ClusterModel

/// Lists all older incarnations with their ends; one that is not listed has end 0.
package struct EndsRecord: Hashable, Sendable {
    package struct End: Hashable, Sendable {
        package var incarnation: Incarnation
        package var end: Offset

        package init(incarnation: Incarnation, end: Offset) {
            self.incarnation = incarnation
            self.end = end
        }
    }

    /// Ascending by incarnation, distinct.
    package let ends: [End]

    /// More starts than this within one retention are refused: the operator has a crash loop to mend first.
    package static let maxEnds = 4_096

    /// Sorts; nil for a duplicate incarnation or too many.
    package init?(_ ends: [End]) {
        let sorted = ends.sorted { $0.incarnation < $1.incarnation }
        guard sorted.count <= Self.maxEnds,
            zip(sorted, sorted.dropFirst()).allSatisfy({ $0.incarnation < $1.incarnation })
        else { return nil }
        self.ends = sorted
    }

    /// The agreed end of an older incarnation. Complexity: O(ends).
    package func end(of incarnation: Incarnation) -> Offset {
        ends.first { $0.incarnation == incarnation }?.end ?? .zero
    }

    package var body: [UInt8] {
        var writer = ByteWriter(reservingCapacity: 2 + 16 * ends.count)
        writer.write(UInt16(ends.count))
        for end in ends {
            writer.write(end.incarnation.rawValue)
            writer.write(end.end.rawValue)
        }
        return writer.bytes
    }

    package init(body: [UInt8]) throws(ByteCodingError) {
        var reader = ByteReader(body)
        let count = Int(try reader.read(UInt16.self))
        guard count <= Self.maxEnds, reader.remaining.isMultiple(of: 16), reader.remaining / 16 == count else {
            throw ByteCodingError(.invalidValue(field: "count of ends"), at: 0)
        }
        var ends: [End] = []
        for _ in 0..<count {
            let incarnation = Incarnation(try reader.read())
            ends.append(End(incarnation: incarnation, end: Offset(try reader.read())))
        }
        guard let record = EndsRecord(ends), record.ends == ends else {
            throw ByteCodingError(.invalidValue(field: "order of ends"), at: 2)
        }
        self = record
    }
}
