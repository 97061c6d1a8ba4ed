// What `meridian log repair` does with a stopped node's journal, one damaged segment after the other.

import ClusterModel
package import EventLog
package import SegmentLog

/// What became of one damaged segment.
package struct MendedSegment: Hashable, Sendable {
    package var path: String
    /// As they were found.
    package var damage: [CorruptRange]
    /// What it needs from another holder, as far as that is known: what was not found, after a repair.
    package var needs: [RepairNeed] = []
    /// What nobody can give back.
    package var lost: [CorruptRange] = []
    package var isWhole = false
}

/// Goes over the damaged segments as long as that makes one of them better: a stretch that goes over two of them is needed
/// by both, and known only once the first is whole.
package struct JournalMending {
    /// Rounds over all damaged segments.
    private static let maxRounds = 16

    private let journal: JournalRepair
    private let fetch: ((RepairNeed) async -> [EncodedBatch]?)?

    /// Without `fetch` nothing is changed.
    package init(_ journal: JournalRepair, fetch: ((RepairNeed) async -> [EncodedBatch]?)?) {
        self.journal = journal
        self.fetch = fetch
    }

    /// In the order of the segments; what is missing as a whole comes first. Throws EventLogError, FileError.
    package func run() async throws -> [MendedSegment] {
        var found: [UInt64: MendedSegment] = [:]
        for generation in journal.damaged {
            found[generation] = MendedSegment(
                path: journal.path(of: generation), damage: try journal.damage(of: generation))
        }
        for _ in 0..<Self.maxRounds {
            var isBetter = false
            for generation in journal.damaged where found[generation]?.isWhole != true {
                let before = found[generation]?.needs.count ?? 0
                try await mend(generation, &found[generation, default: MendedSegment(path: "", damage: [])])
                isBetter =
                    isBetter || found[generation]?.isWhole == true || found[generation]?.needs.count ?? 0 < before
            }
            if fetch == nil || !isBetter { break }
        }
        let segments = found.sorted { $0.key < $1.key }.map(\.value)
        return try rest(beside: segments) + segments
    }

    /// What is damaged in no segment of its own: missing segments, and gaps that nothing explains.
    private func rest(beside segments: [MendedSegment]) throws -> [MendedSegment] {
        guard segments.allSatisfy(\.isWhole), !journal.corruptRanges.isEmpty else { return [] }
        return try journal.verify().map { MendedSegment(path: $0.path, damage: [$0], lost: [$0]) }
    }

    private func mend(_ generation: UInt64, _ segment: inout MendedSegment) async throws(EventLogError) {
        let plan = try journal.plan(of: generation)
        (segment.needs, segment.lost) = (plan.needs, plan.lost)
        guard let fetch else { return }
        var batches: [EncodedBatch] = []
        segment.needs = []
        for need in plan.needs {
            if let given = await fetch(need) { batches += given } else { segment.needs.append(need) }
        }
        segment.isWhole = try journal.repair(plan, with: batches)
        // All was given, and it is not what stood there.
        if !segment.isWhole, segment.needs.isEmpty, segment.lost.isEmpty {
            segment.lost = try journal.damage(of: generation)
        }
    }
}
