// The body of an opening: the first record of an incarnation (S1).
//
// | bytes | field                                                              |
// |-------|--------------------------------------------------------------------|
// | 0     | 1 when a predecessor is named (linked), 0 when not (unlinked)      |
// | 1-8   | predecessor's incarnation, u64; zero when unlinked                 |
// | 9-16  | predecessor's end, verified on this disk, u64; zero when unlinked  |
// | 17-32 | chain digest at that end, big-endian; zero when unlinked           |
// | 33-36 | version of `apply` that this writer runs, u32                      |
//
// Version 1 of the body. Valid when it is exactly 37 bytes and an unlinked one has zeros.

package import ClusterModel

/// What a new incarnation says of the one before it. Nobody applies it before having applied the predecessor to `end`.
package struct OpeningRecord: Hashable, Sendable {
    /// The end of an incarnation, as its writer's disk verified it.
    package struct Predecessor: Hashable, Sendable {
        package var incarnation: Incarnation
        package var end: Offset
        package var digest: Digest128

        package init(incarnation: Incarnation, end: Offset, digest: Digest128) {
            self.incarnation = incarnation
            self.end = end
            self.digest = digest
        }
    }

    /// Nil for an unlinked line: a first start, or a lost disk.
    package var predecessor: Predecessor?
    package var applyVersion: UInt32

    package init(predecessor: Predecessor?, applyVersion: UInt32) {
        self.predecessor = predecessor
        self.applyVersion = applyVersion
    }

    package var body: [UInt8] {
        var writer = ByteWriter(reservingCapacity: 37)
        writer.write(UInt8(predecessor == nil ? 0 : 1))
        writer.write(predecessor?.incarnation.rawValue ?? 0)
        writer.write(predecessor?.end.rawValue ?? 0)
        writer.write(predecessor?.digest ?? .zero)
        writer.write(applyVersion)
        return writer.bytes
    }

    package init(body: [UInt8]) throws(ByteCodingError) {
        var reader = ByteReader(body)
        let isLinked = try reader.read(UInt8.self)
        let incarnation = Incarnation(try reader.read())
        let end = Offset(try reader.read())
        let digest = try reader.readDigest()
        applyVersion = try reader.read()
        try reader.expectEnd()
        let named = Predecessor(incarnation: incarnation, end: end, digest: digest)
        switch isLinked {
        case 1: predecessor = named
        case 0 where named == Predecessor(incarnation: Incarnation(0), end: .zero, digest: .zero): predecessor = nil
        default: throw ByteCodingError(.invalidValue(field: "predecessor"), at: 0)
        }
    }
}
