// The session tokens of users (S12): opaque to the client, kept so that a user reads what the user wrote.

/// At most `capacity` tokens; the least recently used go first. Two generations stand for the order of use: a token that
/// is used moves to the young one, and when that is half full the old one is dropped. A value.
package struct SessionTokenCache: Sendable {
    package let capacity: Int
    private var young: [String: [UInt8]] = [:]
    private var old: [String: [UInt8]] = [:]

    /// `capacity` >= 2.
    package init(capacity: Int) { self.capacity = max(2, capacity) }

    package var count: Int { young.count + old.count }

    /// The user's token, empty for none. Complexity: O(1) amortised.
    package mutating func token(of user: String) -> [UInt8] {
        if let token = young[user] { return token }
        guard let token = old.removeValue(forKey: user) else { return [] }
        insert(token, of: user)
        return token
    }

    /// Keeps a token; an empty one changes nothing.
    package mutating func onAnswer(_ token: [UInt8], of user: String) {
        guard !token.isEmpty else { return }
        old.removeValue(forKey: user)
        insert(token, of: user)
    }

    /// Keeps the token of an answer to a call that carried `sentWith`. A server's token covers the one that it was given,
    /// in any region; tokens cannot be merged here. So of two calls of one user that were under way at once a read does
    /// not displace the other's token, which may name a write, and of two writes the last to be answered stands.
    package mutating func onAnswer(_ token: [UInt8], of user: String, sentWith: [UInt8], isWrite: Bool) {
        guard isWrite || self.token(of: user) == sentWith else { return }
        onAnswer(token, of: user)
    }

    /// For a token that the server refuses.
    package mutating func forget(_ user: String) {
        young.removeValue(forKey: user)
        old.removeValue(forKey: user)
    }

    /// As above, unless another token took its place meanwhile.
    package mutating func forget(_ user: String, _ token: [UInt8]) {
        if self.token(of: user) == token { forget(user) }
    }

    private mutating func insert(_ token: [UInt8], of user: String) {
        if young[user] == nil, young.count >= capacity / 2 {
            old = young
            young.removeAll(keepingCapacity: true)
        }
        young[user] = token
    }
}
