// What a round of seals came to, told to all members before any log records it (S1a).
//
//   0-13  the round
//     …   count LEB128, AgreedEnds each
//
// The answer is one byte.

package import ClusterModel
package import EventLog

/// The ends that the origin's records are going to name. Members may pull up to them, and the records are appended once
/// all have: a record that is out never names bytes that only one disk has, or that disk's going back would make the end
/// unreachable for ever.
package struct CollectedEnds: Hashable, Sendable {
    package let round: SealRound
    /// All of the round's origin and writer.
    package let ends: [AgreedEnds]

    /// Nil where an end is of another origin or writer.
    package init?(round: SealRound, ends: [AgreedEnds]) {
        guard ends.allSatisfy({ $0.name.region == round.origin && $0.writer == round.incarnation }) else { return nil }
        self.round = round
        self.ends = ends
    }

    /// Nothing of a round.
    package init(of round: SealRound) {
        self.round = round
        ends = []
    }

    package func encode(into writer: inout ByteWriter) {
        round.encode(into: &writer)
        writer.writeVarint(UInt64(ends.count))
        for ends in ends { ends.encode(into: &writer) }
    }

    package init(from reader: inout ByteReader) throws(ByteCodingError) {
        let round = try SealRound(from: &reader)
        let start = reader.offset
        var ends: [AgreedEnds] = []
        for _ in 0..<(try reader.readCount(limit: MirrorLimits().logs, itemBytes: AgreedEnds.smallestByteCount)) {
            ends.append(try AgreedEnds(from: &reader))
        }
        guard let collected = CollectedEnds(round: round, ends: ends) else {
            throw ByteCodingError(.invalidValue(field: "origin or writer of collected ends"), at: start)
        }
        self = collected
    }
}

/// Whether a member has on its disk all that a round's ends name.
package enum LiftAnswer: UInt8, Hashable, Sendable {
    case reached = 1
    /// Not in the time that one question may take; ask again.
    case notYet = 2
    /// It has no seal of this round: it started since, or heard of a newer one. Seals have to be collected anew.
    case otherRound = 3

    package func encode(into writer: inout ByteWriter) { writer.write(rawValue) }

    package init(from reader: inout ByteReader) throws(ByteCodingError) {
        let at = reader.offset
        guard let answer = LiftAnswer(rawValue: try reader.read()) else {
            throw ByteCodingError(.invalidValue(field: "lift answer"), at: at)
        }
        self = answer
    }
}
