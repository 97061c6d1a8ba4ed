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

    /// Keeps the latest token; an empty one changes nothing. Of two answers that were under way at once the one that
    /// arrives last stands.
    package mutating func onAnswer(_ token: [UInt8], of user: String) {
        guard !token.isEmpty else { return }
        old.removeValue(forKey: user)
        insert(token, of: user)
    }

    /// For a token that the server refuses.
    package mutating func forget(_ user: String) {
        young.removeValue(forKey: user)
        old.removeValue(forKey: user)
    }

    private mutating func insert(_ token: [UInt8], of user: String) {
        if young[user] == nil, young.count >= capacity / 2 {
            old = young
            young.removeAll(keepingCapacity: true)
        }
        young[user] = token
    }
}
