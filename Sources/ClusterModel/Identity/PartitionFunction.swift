// Which partition a user belongs to. Clients, nodes and tools of every version and language must agree on it, so its
// golden vectors stand in ClusterModelTests.

/// How many partitions a deployment has. Fixed for its life: a power of two from 1 to 4096.
package struct PartitionCount: Hashable, Sendable {
    package let rawValue: Int

    package static let maximum = 4096
    package static let standard = PartitionCount(unchecked: 64)

    /// Nil unless `rawValue` is a power of two in 1...4096.
    package init?(_ rawValue: Int) {
        guard (1...Self.maximum).contains(rawValue), rawValue.nonzeroBitCount == 1 else { return nil }
        self.rawValue = rawValue
    }

    private init(unchecked rawValue: Int) { self.rawValue = rawValue }

    package var all: [PartitionID] { (0..<rawValue).map { PartitionID(UInt32($0)) } }
}

/// A user's identity inside the system: the first 128 bits of SHA-256 of the user id's UTF-8 bytes.
package struct UserKey: Hashable, Comparable, Sendable {
    package let digest: Digest128

    package init(digest: Digest128) { self.digest = digest }

    /// Complexity: one SHA-256 of the id.
    package init(userID: String) { digest = SHA256.hash(utf8: userID).prefix128 }

    /// The top bits of the key, log2(count) of them.
    package func partition(of count: PartitionCount) -> PartitionID {
        let bits = count.rawValue.trailingZeroBitCount
        guard bits > 0 else { return PartitionID(0) }
        return PartitionID(UInt32(truncatingIfNeeded: digest.high >> (64 - UInt64(bits))))
    }

    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.digest < rhs.digest }
}
