// The verdict on a deployment that has been stopped: every region's journal against the promises and against each other.

package import ClusterModel
import MergeableState
import Personalization
import SegmentLog

/// Collects one region's fold after the other. A value.
package struct DeploymentVerdict: Hashable, Sendable {
    package let acknowledged: Int
    private let ids: Set<EventID>
    /// Of those, what may be missing: the un-mirrored tail of a disk that was lost.
    private let excused: Set<EventID>
    /// Not excused, and missing in some region's journal.
    private var missing: Set<EventID> = []
    /// Excused, and missing in some region's journal.
    private var excusedMissing: Set<EventID> = []
    /// Excused and in no region's journal.
    package private(set) var absent: Set<EventID>
    /// Effects beyond one an event, in the region with the most of them.
    package private(set) var duplicated: Int64 = 0
    /// Records beyond one an event, that count once all the same.
    package private(set) var copies: UInt64 = 0
    package private(set) var complaints: [String] = []
    private var digests: [UInt32: String]?

    /// `excused` events may be missing, all over or nowhere.
    package init(_ acknowledged: [Acknowledgement], excused: Set<EventID> = []) {
        ids = Set(acknowledged.map(\.id))
        self.acknowledged = ids.count
        self.excused = excused
        absent = excused
    }

    /// What the regions showed while they ran, once traffic had ended.
    package mutating func onLive(_ convergence: ConvergenceWatch) {
        if !convergence.unequal.isEmpty {
            complaints.append(
                "regions with equal vectors differ in partitions \(convergence.unequal.sorted().prefix(8))")
        }
        if !convergence.isOver {
            complaints.append(
                "regions do not meet: partitions \(convergence.open.sorted().prefix(8)) within \(QuickstartLimits.catchUp)"
            )
        }
    }

    /// `live`: digests that the regions showed, by partition, when they were equal.
    package mutating func onFold(_ fold: JournalFold, of region: String, live: [UInt32: String]) {
        let missing = ids.filter { fold.occurrences[$0] == nil }
        self.missing.formUnion(missing.subtracting(excused))
        excusedMissing.formUnion(missing.intersection(excused))
        absent.formIntersection(missing)
        if let reference = fold.reference {
            duplicated = max(duplicated, reference.surplus(of: fold.states))
            copies = max(copies, reference.copies)
            let differing = reference.differences(from: fold.states)
            if !differing.isEmpty {
                complaints.append(
                    "\(region): events do not count once in partitions \(differing.prefix(8).map(\.rawValue))")
            }
        }
        compare(DigestReport(fold), region, live)
        if !fold.inspection.corruptRanges.isEmpty {
            complaints.append("\(region): \(fold.inspection.corruptRanges.count) corrupt ranges in the log")
        }
        if !fold.held.isEmpty { complaints.append("\(region): \(fold.held.count) logs wait for what is not there") }
    }

    private mutating func compare(_ report: DigestReport, _ region: String, _ live: [UInt32: String]) {
        let folded = Dictionary(uniqueKeysWithValues: report.partitions.map { ($0.partition, $0.digest) })
        let unlike = live.keys.sorted().filter { folded[$0] != nil && folded[$0] != live[$0] }
        if !unlike.isEmpty {
            complaints.append("\(region): live state and fold of the log differ in partitions \(unlike.prefix(8))")
        }
        let first = digests ?? folded
        let strange = Set(first.keys).union(folded.keys).sorted().filter { first[$0] != folded[$0] }
        if !strange.isEmpty {
            complaints.append("\(region): another digest than the first region in partitions \(strange.prefix(8))")
        }
        digests = first
    }

    /// Acknowledged and not in every region's journal. An excused event that only some regions lack is among them.
    package var lost: Set<EventID> { missing.union(excusedMissing.subtracting(absent)) }

    package var digestsEqual: Bool { complaints.isEmpty }

    package var holds: Bool { lost.isEmpty && duplicated == 0 && complaints.isEmpty }

    package var text: String {
        guard holds else {
            let named = lost.sorted().prefix(3).map(\.description).joined(separator: ", ")
            return "\(lost.count) of \(acknowledged) acknowledged events LOST \(named), \(duplicated) counted TWICE"
        }
        return "all \(acknowledged - absent.count) acknowledged events stand in every region and count once; "
            + "\(copies) copies stand beside them and count nothing"
    }
}
