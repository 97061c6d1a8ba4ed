// What a subscription gives its consumer, and what it is asked for.

public import MeridianProtocol

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// Where a group begins that has not committed anything in the region that answers, and gives no cursor.
public enum EffectStart: Hashable, Sendable {
    /// With what has its effect from now on.
    case latest
    /// With the oldest that the region's logs still have.
    case earliest
}

/// Effects in the order in which the region tells them, and where the consumer goes on after them. An empty batch comes
/// after a while without effects: commit it like any other, or the group holds on to logs that it has read.
public struct EffectBatch: Sendable {
    /// At most 512. One that comes again has the same `id` and `bodyDigest`.
    public let effects: [Meridian_V1_SubscribeReply.Effect]
    /// Opaque; good in every region.
    public let cursor: Data
    /// The name of the region that told them.
    public let region: String
    /// Partitions of which effects before these were trimmed there and are told to nobody: what is fed from them has to be built
    /// anew. Ascending; empty unless it was asked for.
    public let skippedPartitions: [UInt32]
}
