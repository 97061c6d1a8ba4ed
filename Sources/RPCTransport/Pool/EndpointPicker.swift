// In which order the endpoints of a peer are tried.

/// A pure value: knows how endpoints did, and gives the order for the next call.
struct EndpointPicker: Hashable, Sendable {
    /// An endpoint that failed is asked last for as many calls to others.
    static let penalty = 64

    private let balancing: PeerPolicy.Balancing
    private var underWay: [Int]
    private var penalties: [Int]

    /// `count` endpoints, at least one.
    init(count: Int, balancing: PeerPolicy.Balancing) {
        self.balancing = balancing
        underWay = Array(repeating: 0, count: max(1, count))
        penalties = underWay
    }

    /// Indices of the endpoints, best first. `random` spreads what is equal. Complexity: O(n log n) of few.
    mutating func order(random: UInt64) -> [Int] {
        for index in penalties.indices where penalties[index] > 0 { penalties[index] -= 1 }
        let count = underWay.count
        let start = balancing == .leastLoaded ? Int(random % UInt64(count)) : 0
        let rotated = (0..<count).map { (start + $0) % count }
        return rotated.enumerated().sorted { left, right in
            let (a, b) = (left.element, right.element)
            let (isHeldBackA, isHeldBackB) = (penalties[a] > 0, penalties[b] > 0)
            if isHeldBackA != isHeldBackB { return isHeldBackB }
            if balancing == .leastLoaded, underWay[a] != underWay[b] { return underWay[a] < underWay[b] }
            return left.offset < right.offset
        }.map(\.element)
    }

    mutating func onStarted(_ index: Int) { underWay[index] += 1 }

    mutating func onEnded(_ index: Int) { underWay[index] -= 1 }

    /// The endpoint could not be reached, or was lost.
    mutating func onUnreachable(_ index: Int) { penalties[index] = Self.penalty }

    /// It answers again.
    mutating func onAnswered(_ index: Int) { penalties[index] = 0 }
}
