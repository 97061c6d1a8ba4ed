// Which refusals were said already. Pure.

package import ClusterModel

/// Callers that are refused come again several times a second: each is said once for each reason, and again after a while.
package struct RefusalLog: Sendable {
    /// After so long the same refusal is news again.
    package static let interval: Duration = .seconds(3_600)

    private struct Entry: Hashable {
        var caller: String
        var reason: String
    }

    private let limit: Int
    private var said: [Entry: BootInstant] = [:]

    /// At most `limit` are remembered; the oldest is forgotten first.
    package init(limit: Int = MirrorLimits.refusalsSaid) { self.limit = limit }

    /// Whether the refusal is to be said. Complexity: O(limit) where it is news and the book is full.
    package mutating func isNews(_ caller: String, _ reason: String, at now: BootInstant) -> Bool {
        let entry = Entry(caller: caller, reason: reason)
        if let last = said[entry], now.since(last) < Self.interval { return false }
        if said[entry] == nil, said.count >= limit, let oldest = said.min(by: { $0.value < $1.value })?.key {
            said[oldest] = nil
        }
        said[entry] = now
        return true
    }
}

/// A second process of a region that is refused while the first one lives (S1). Pure.
package struct RivalWatch: Hashable, Sendable {
    package let incarnation: Incarnation
    private let since: BootInstant
    private var last: BootInstant

    package init(_ incarnation: Incarnation, at now: BootInstant) {
        self.incarnation = incarnation
        since = now
        last = now
    }

    package mutating func onRefused(at now: BootInstant) { last = now }

    /// A restart is refused too until the claim of the process before it is old: only who is refused for longer than that
    /// has a living rival. Word of it stands until it was quiet for as long.
    package func isStanding(at now: BootInstant, staleAfter: Duration) -> Bool {
        last.since(since) > staleAfter && now.since(last) <= staleAfter
    }
}
