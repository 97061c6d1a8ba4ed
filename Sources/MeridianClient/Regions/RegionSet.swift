// A small set of regions, by their place in the client's list.

/// At most `capacity` regions. A value of four bytes.
package struct RegionSet: Hashable, Sendable {
    private var bits: UInt32 = 0
    /// Regions that one client may know.
    package static let capacity = 32

    package init() {}

    package var isEmpty: Bool { bits == 0 }

    package func contains(_ region: Int) -> Bool { bits & (1 << UInt32(region)) != 0 }

    package mutating func insert(_ region: Int) { bits |= 1 << UInt32(region) }
}
