// Which lines this member has promised not to extend (S1a).
//
// The file `seals-GGGGGGGGGGGGGGGG.book`, in two copies:
//
// | bytes | field                                                                              |
// |-------|------------------------------------------------------------------------------------|
// | 0-3   | magic "MRSL"                                                                       |
// | 4-7   | CRC32C over everything below                                                       |
// | 8-9   | version, 1                                                                         |
// | 10-11 | count, u16                                                                         |
// | 12-   | an origin 10 bytes, ascending: region u16, incarnation u64 below which it is sealed |

package import ClusterModel

/// Per origin the incarnation below which nothing is extended until its end is agreed. A value; seals only rise.
package struct SealBook: Hashable, Sendable {
    package static let maxOrigins = 1_024
    private static let magic: UInt32 = 0x4c53_524d  // "MRSL"
    private static let headLength = 12

    private var below: [RegionNumber: Incarnation] = [:]

    package init() {}

    package func isSealed(_ log: LogIdentity) -> Bool {
        below[log.name.region].map { log.incarnation < $0 } ?? false
    }

    /// Whether the promise stands.
    package func covers(_ origin: RegionNumber, below incarnation: Incarnation) -> Bool {
        below[origin].map { $0 >= incarnation } ?? false
    }

    /// False where it stood already, or beyond `maxOrigins`.
    package mutating func seal(_ origin: RegionNumber, below incarnation: Incarnation) -> Bool {
        guard below[origin].map({ $0 < incarnation }) ?? (below.count < Self.maxOrigins) else { return false }
        below[origin] = incarnation
        return true
    }

    package var encoded: [UInt8] {
        var writer = ByteWriter(reservingCapacity: Self.headLength + 10 * below.count)
        writer.write(Self.magic)
        writer.write(UInt32(0))
        writer.write(UInt16(1))
        writer.write(UInt16(below.count))
        for origin in below.keys.sorted() {
            writer.write(origin.rawValue)
            writer.write(below[origin]?.rawValue ?? 0)
        }
        writer.overwrite(writer.checksum(of: 8..<writer.count), at: 4)
        return writer.bytes
    }

    /// Nil for bytes that do not verify.
    package init?(decoding bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        do {
            guard bytes.count >= Self.headLength, try reader.read(UInt32.self) == Self.magic,
                try reader.read(UInt32.self) == bytes.checksum(of: 8..<bytes.count),
                try reader.read(UInt16.self) == 1
            else { return nil }
            for _ in 0..<(try reader.read(UInt16.self)) {
                let origin = RegionNumber(try reader.read())
                below[origin] = Incarnation(try reader.read())
            }
            try reader.expectEnd()
        } catch {
            return nil
        }
    }
}
