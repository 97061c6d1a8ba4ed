// What both sides of a link say of themselves before anything else, in `/meridian.mesh.v1.Mirror/Greet`.
//
//   request                                       reply
//   0   u8   version (1)                          0   u8   version (1)
//   1   u8   flags: 1 = is over, claims no more   1   u8   verdict: 0 = welcome, 1 = terms differ, 2 = region claimed
//   2   u16  zero                                 2   u16  zero
//   4   u32  zero                                 4   u32  milliseconds for which the other claim stays fresh
//   8   u64  incarnation that speaks for the      8   u64  the holder's incarnation, 0 for one that has not begun
//            region from now on, 0 for none       16  …    reason (LEB128 length, UTF-8), terms (RegionTerms)
//   16  …    terms (RegionTerms)
//
// Numbers are little-endian. Valid: all bytes are used and zeros are zero.

package import ClusterModel

/// The asker's terms, and its claim to its region (S1): no other process speaks for that region here while it is fresh.
package struct RegionGreeting: Hashable, Sendable {
    package static let path = "/meridian.mesh.v1.Mirror/Greet"
    static let version: UInt8 = 1
    static let maxBytes = 16 + RegionTerms.maxByteCount

    /// 0 claims nothing.
    package var incarnation: Incarnation
    package var terms: RegionTerms
    /// The process with this incarnation stops and gives its claim back.
    package var isParting: Bool

    package init(incarnation: Incarnation, terms: RegionTerms, isParting: Bool = false) {
        self.incarnation = incarnation
        self.terms = terms
        self.isParting = isParting
    }

    package var encoded: [UInt8] {
        var writer = ByteWriter(reservingCapacity: 256)
        writer.write(Self.version)
        writer.write(UInt8(isParting ? 1 : 0))
        writer.write(UInt16(0))
        writer.write(UInt32(0))
        writer.write(incarnation.rawValue)
        terms.encode(into: &writer)
        return writer.bytes
    }

    /// Throws MirrorError `.malformedFrame`, `.unknownVersion`.
    package init(decoding bytes: [UInt8]) throws(MirrorError) {
        self = try ByteReader.mirrorMessage(bytes, "greeting", version: Self.version, flags: 1) { reader, flags in
            guard try reader.read(UInt16.self) == 0, try reader.read(UInt32.self) == 0 else {
                throw ByteCodingError(.invalidValue(field: "reserved"), at: reader.offset)
            }
            return Self(
                incarnation: Incarnation(try reader.read()), terms: try RegionTerms(from: &reader),
                isParting: flags & 1 != 0)
        }
    }
}

/// The holder's terms, and whether it takes the asker for its region.
package struct GreetingReply: Hashable, Sendable {
    package enum Verdict: UInt8, Hashable, Sendable {
        case welcome = 0
        case termsDiffer = 1
        /// Another process speaks for the asker's region.
        case claimed = 2
    }

    static let version: UInt8 = 1
    static let maxReasonBytes = 512
    static let maxBytes = 18 + maxReasonBytes + RegionTerms.maxByteCount

    package var verdict: Verdict
    /// For people; empty for a welcome.
    package var reason: String
    /// How long the other process's claim stays fresh if it is heard no more.
    package var freshMilliseconds: UInt32
    package var incarnation: Incarnation
    package var terms: RegionTerms

    package init(
        _ verdict: Verdict, reason: String = "", freshMilliseconds: UInt32 = 0, incarnation: Incarnation,
        terms: RegionTerms
    ) {
        self.verdict = verdict
        self.reason = reason
        self.freshMilliseconds = freshMilliseconds
        self.incarnation = incarnation
        self.terms = terms
    }

    package var encoded: [UInt8] {
        var writer = ByteWriter(reservingCapacity: 384)
        writer.write(Self.version)
        writer.write(verdict.rawValue)
        writer.write(UInt16(0))
        writer.write(freshMilliseconds)
        writer.write(incarnation.rawValue)
        var kept = reason[...]
        while kept.utf8.count > Self.maxReasonBytes { kept.removeLast() }
        writer.write(String(kept))
        terms.encode(into: &writer)
        return writer.bytes
    }

    /// Throws MirrorError `.malformedFrame`, `.unknownVersion`.
    package init(decoding bytes: [UInt8]) throws(MirrorError) {
        self = try ByteReader.mirrorMessage(bytes, "greeting's reply", version: Self.version, flags: 3) {
            reader, flags in
            guard let verdict = Verdict(rawValue: flags), try reader.read(UInt16.self) == 0 else {
                throw ByteCodingError(.invalidValue(field: "verdict"), at: 1)
            }
            let fresh = try reader.read(UInt32.self)
            let incarnation = Incarnation(try reader.read())
            let reason = try reader.readString(limit: Self.maxReasonBytes)
            return Self(
                verdict, reason: reason, freshMilliseconds: fresh, incarnation: incarnation,
                terms: try RegionTerms(from: &reader))
        }
    }
}
