// Memory that one loop uses again for each slate.

import ClusterModel

/// Not shared: each shard or loop has its own. Grows to the catalogue's size (4 bytes a row) and stays.
package struct RankingScratch: Sendable {
    /// One item that competes for the slate.
    struct Candidate: Sendable {
        var key: ContentKey
        var row: UInt32
        var category: UInt16
        /// Passed every filter. The others only fill a slate that would be short.
        var isPreferred: Bool
        var isTaken = false
        var score: Float = 0
        /// Features, then features times weights.
        var lanes: SIMD16<Float>
    }

    private static let candidateBit: UInt32 = 1
    private static let seenBit: UInt32 = 2

    var taste = UserTaste()
    var viewer = Viewer()
    var candidates: [Candidate] = []
    /// Places in `candidates`, the best first.
    var order: [Int] = []
    /// Places in `candidates`: the slate before exploration.
    var chosen: [Int] = []
    /// How often a category stands in the slate.
    var categoryCounts: [(category: UInt16, count: Int)] = []
    /// By row: the round's number over two bits.
    private var marks: [UInt32] = []
    private var round: UInt32 = 0

    package init() {
        candidates.reserveCapacity(SlatePolicy.maxCandidates)
        order.reserveCapacity(SlatePolicy.maxCandidates)
        chosen.reserveCapacity(PersonalizationLimits.slateItems)
        categoryCounts.reserveCapacity(PersonalizationLimits.slateItems)
    }

    /// Complexity: O(1) but for a catalogue that has grown, and once in 2^30 slates.
    mutating func begin(rows: Int) {
        candidates.removeAll(keepingCapacity: true)
        chosen.removeAll(keepingCapacity: true)
        categoryCounts.removeAll(keepingCapacity: true)
        round += 1
        if round >= 1 << 30 {
            round = 1
            for place in marks.indices { marks[place] = 0 }
        }
        if marks.count < rows { marks.append(contentsOf: repeatElement(0, count: rows - marks.count)) }
    }

    /// Whether the row was no candidate yet; it is one from now on.
    mutating func markCandidate(_ row: UInt32) -> Bool { mark(row, Self.candidateBit) }

    func isCandidate(_ row: UInt32) -> Bool { bits(of: row) & Self.candidateBit != 0 }

    mutating func markSeen(_ row: UInt32) { _ = mark(row, Self.seenBit) }

    func isSeen(_ row: UInt32) -> Bool { bits(of: row) & Self.seenBit != 0 }

    private mutating func mark(_ row: UInt32, _ bit: UInt32) -> Bool {
        let bits = bits(of: row)
        marks[Int(row)] = round << 2 | bits | bit
        return bits & bit == 0
    }

    private func bits(of row: UInt32) -> UInt32 {
        let mark = marks[Int(row)]
        return mark >> 2 == round ? mark & 3 : 0
    }
}
