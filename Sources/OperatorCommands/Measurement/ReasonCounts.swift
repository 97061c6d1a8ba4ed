// How often what was refused or failed, by the reason that was given.

/// A few reasons with their counts, and the rest as one. A value.
package struct ReasonCounts: Hashable, Sendable {
    /// Reasons that are counted one by one: the servers' words are fewer.
    package static let limit = 24
    /// What is counted of reasons beyond that.
    package static let other = "OTHER"

    private var counts: [String: UInt64] = [:]

    package init() {}

    package mutating func add(_ reason: String) {
        let word = reason.isEmpty ? Self.other : reason
        let key = counts[word] != nil || counts.count < Self.limit ? word : Self.other
        counts[key, default: 0] &+= 1
    }

    /// The most frequent first.
    package var sorted: [(reason: String, count: UInt64)] {
        counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { (reason: $0.key, count: $0.value) }
    }

    /// "NO_SPACE 12, unavailable 3".
    package var text: String { sorted.map { "\($0.reason) \($0.count)" }.joined(separator: ", ") }

    package var json: JSONValue {
        .object(sorted.map { JSONValue.Member(key: $0.reason, value: .count($0.count)) })
    }
}
