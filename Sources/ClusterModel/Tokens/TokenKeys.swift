// The keys of tokens that are in use, which an operator may replace while the node serves.

import Synchronization

/// One ring at a time: each call reads it once. Among other regions a key signs once every one of them has told that it has it
/// (S3): a token that is signed with a key of tomorrow would be refused over there today. Thread-safe; the lock is held for a
/// copy of two references.
package final class TokenKeys: Sendable {
    private struct State: Sendable {
        var ring: TokenKeyring
        /// What every other region has; nil for a region without others.
        var known: Set<TokenKeyFingerprint>?

        mutating func use(_ next: TokenKeyring) { ring = known.map { next.signing(knownTo: $0) } ?? next }
    }

    private let guarded: Mutex<State>

    /// `hasMembers`: whether there are other regions. Until they are heard the oldest key signs.
    package init(_ ring: TokenKeyring, hasMembers: Bool = false) {
        var state = State(ring: ring, known: hasMembers ? [] : nil)
        state.use(ring)
        guarded = Mutex(state)
    }

    /// As of now.
    package var ring: TokenKeyring { guarded.withLock(\.ring) }

    /// Holds for calls that arrive afterwards.
    package func replace(with ring: TokenKeyring) { guarded.withLock { $0.use(ring) } }

    /// What every other region has told of its keys. The id of the key that signs from now on; nil where that is the one from
    /// before.
    package func onMembers(have known: Set<TokenKeyFingerprint>) -> UInt32? {
        guarded.withLock { state in
            let before = state.ring.signingID
            state.known = known
            state.use(state.ring)
            return state.ring.signingID == before ? nil : state.ring.signingID
        }
    }
}
