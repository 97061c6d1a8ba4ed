// The short name of a content item inside state.

import ClusterModel

/// The first 64 bits of SHA-256 of a content id: what rows hold instead of the id. Two of a million ids collide with a
/// probability of 3e-8; a collision mixes two items' counts and nothing else.
package struct ContentKey: Hashable, Comparable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Complexity: one SHA-256 of the id.
    package init(contentID: String) { rawValue = SHA256.hash(utf8: contentID).words.0 }

    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
}
