// The keys of tokens that are in use, which an operator may replace while the node serves.

import Synchronization

/// One ring at a time: each call reads it once. Thread-safe; the lock is held for a copy of two references.
package final class TokenKeys: Sendable {
    private let guarded: Mutex<TokenKeyring>

    package init(_ ring: TokenKeyring) { guarded = Mutex(ring) }

    /// As of now.
    package var ring: TokenKeyring { guarded.withLock(\.self) }

    /// Holds for calls that arrive afterwards.
    package func replace(with ring: TokenKeyring) { guarded.withLock { $0 = ring } }
}
