// One round of asking all members for seals (S1a).
//
// On the wire: region u16, incarnation u64, number u32.

package import ClusterModel

/// An origin's writer asks in rounds, one after the other. A member that is asked again is sealed again: what an earlier
/// round allowed it counts no more, so that no length of this round's answers grows behind the collector's back.
package struct SealRound: Hashable, Sendable {
    package let origin: RegionNumber
    /// The writer's; older ones are sealed.
    package let incarnation: Incarnation
    package let number: UInt32

    package init(origin: RegionNumber, incarnation: Incarnation, number: UInt32 = 1) {
        self.origin = origin
        self.incarnation = incarnation
        self.number = number
    }

    package var next: SealRound { SealRound(origin: origin, incarnation: incarnation, number: number &+ 1) }

    /// Whether this round replaces `other`, of the same origin. A message that was on its way for long is of none.
    func isNewer(than other: SealRound) -> Bool {
        (incarnation, number) > (other.incarnation, other.number)
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(origin.rawValue)
        writer.write(incarnation.rawValue)
        writer.write(number)
    }

    package init(from reader: inout ByteReader) throws(ByteCodingError) {
        origin = RegionNumber(try reader.read())
        incarnation = Incarnation(try reader.read())
        number = try reader.read()
    }
}
