// What one caller may hold of something that all callers share.

/// How much each caller holds. A value; only callers that hold something are in it, so that it is no larger than what is
/// shared out.
package struct CallerShares: Sendable {
    /// What one caller may hold at a time.
    package let limit: Int
    private var held: [String: Int] = [:]

    /// `limit`: at least 1.
    package init(limit: Int) { self.limit = max(1, limit) }

    /// A part of `total`, in per cent; at least 1.
    package init(_ percent: Int, of total: Int) { self.init(limit: Self.part(percent, of: total)) }

    /// As one caller's part is reckoned everywhere: at least 1, without overflow for any `total`.
    package static func part(_ percent: Int, of total: Int) -> Int {
        max(1, total / 100 * percent + total % 100 * percent / 100)
    }

    /// Callers that hold something.
    package var callers: Int { held.count }

    /// Takes one for `caller`; false where it holds its share already.
    package mutating func take(_ caller: String) -> Bool {
        let count = held[caller] ?? 0
        guard count < limit else { return false }
        held[caller] = count + 1
        return true
    }

    /// Gives one back that was taken.
    package mutating func giveBack(_ caller: String) {
        guard let count = held[caller] else { return }
        held[caller] = count > 1 ? count - 1 : nil
    }
}
