// Whether regions have become equal (S10): digests compare only at equal vectors, and vectors move with every time mark.

/// Takes reports of all regions again and again until each partition was seen with one vector and one digest everywhere.
/// A value.
package struct ConvergenceWatch: Hashable, Sendable {
    /// Partitions that were not seen equal yet.
    package private(set) var open: Set<UInt32> = []
    /// Partitions with equal vectors, equal apply versions and different digests: replicas that disagree.
    package private(set) var unequal: Set<UInt32> = []
    /// Digests of the partitions that were seen equal.
    package private(set) var digests: [UInt32: String] = [:]
    private var looks = 0

    package init() {}

    /// One look: the reports of all regions, taken close together.
    package mutating func onReports(_ reports: [DigestReport]) {
        guard let first = reports.first else { return }
        if looks == 0 { open = Set(reports.flatMap { $0.partitions.map(\.partition) }) }
        looks += 1
        for mine in first.partitions where open.contains(mine.partition) {
            let all = reports.compactMap { report in report.partitions.first { $0.partition == mine.partition } }
            guard all.count == reports.count,
                all.allSatisfy({ $0.vector == mine.vector && $0.applyVersion == mine.applyVersion })
            else { continue }
            open.remove(mine.partition)
            if all.allSatisfy({ $0.digest == mine.digest }) {
                digests[mine.partition] = mine.digest
            } else {
                unequal.insert(mine.partition)
            }
        }
    }

    package var isOver: Bool { looks > 0 && open.isEmpty }

    package var holds: Bool { isOver && unequal.isEmpty }
}
