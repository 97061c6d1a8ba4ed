// Whom to ask for a log that several regions hold. Pure.

package import ClusterModel

/// What a connected holder says of one log.
package struct HeldCopy: Hashable, Sendable {
    package var holder: RegionNumber
    package var end: Offset
    /// Nothing that we need has been trimmed there.
    package var isWhole: Bool

    package init(holder: RegionNumber, end: Offset, isWhole: Bool = true) {
        self.holder = holder
        self.end = end
        self.isWhole = isWhole
    }
}

/// Any holder serves any log: after an origin is lost, or returns on an old disk, the longest surviving prefix comes from
/// whoever has it.
package enum RelayChoice {
    /// The holder to ask for `log` by one that has it up to `position`: first who has more, and
    /// nothing trimmed, then the origin, then whoever was asked before, then the longest copy, then the lowest number.
    /// Nil without copies.
    package static func choose(
        _ copies: [HeldCopy], for log: LogIdentity, position: Offset, before: RegionNumber?
    ) -> RegionNumber? {
        copies.max { rank($0, log, position, before) < rank($1, log, position, before) }?.holder
    }

    private static func rank(
        _ copy: HeldCopy, _ log: LogIdentity, _ position: Offset, _ before: RegionNumber?
    ) -> (Int, Int, Int, UInt64, Int) {
        (
            copy.end <= position ? 0 : copy.isWhole ? 2 : 1, copy.holder == log.name.region ? 1 : 0,
            copy.holder == before ? 1 : 0,
            copy.end.rawValue, -Int(copy.holder.rawValue)
        )
    }
}
