// Which lines this member has promised not to extend (S1a).
//
// The file `seals-GGGGGGGGGGGGGGGG.book`, in two copies:
//
// | bytes | field                                                                              |
// |-------|------------------------------------------------------------------------------------|
// | 0-9   | BookFrame, magic "MRSL"                                                            |
// | 10-11 | count, u16                                                                         |
// | 12-   | an origin 10 bytes, ascending: region u16, incarnation u64 below which it is sealed |

package import ClusterModel

/// Per origin the incarnation below which nothing is extended until its end is agreed. A value; seals only rise.
package struct SealBook: Hashable, Sendable {
    package static let maxOrigins = 1_024
    private static let frame = BookFrame(magic: 0x4c53_524d)  // "MRSL"

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
        Self.frame.encode(reservingCapacity: 2 + 10 * below.count) { writer in
            writer.write(UInt16(clamping: below.count))
            for origin in below.keys.sorted() {
                writer.write(origin.rawValue)
                writer.write(below[origin]?.rawValue ?? 0)
            }
        }
    }

    /// Nil for bytes that do not verify.
    package init?(decoding bytes: [UInt8]) {
        let read = Self.frame.decode(bytes) { reader throws(ByteCodingError) -> [RegionNumber: Incarnation]? in
            var below: [RegionNumber: Incarnation] = [:]
            for _ in 0..<(try reader.read(UInt16.self)) {
                let origin = RegionNumber(try reader.read())
                below[origin] = Incarnation(try reader.read())
            }
            return below
        }
        guard let read else { return nil }
        below = read
    }
}
