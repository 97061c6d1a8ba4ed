// What an origin's writer makes of all members' seals, in its smallest form (S1a): the mirror's own stands in RegionMirror.

import ClusterModel
import EventLog
import EventLogConformance
import Testing

@testable import Personalization

/// One member's seal of an origin's log.
struct MemberSeal {
    var lengths: [LogSummary]
    var agreed: [AgreedEnds]
    var base: EndsPoint

    /// The record that stands on the highest base held and lists the longest copies from there on.
    static func ends(of seals: [MemberSeal], for name: LogName, below incarnation: Incarnation) -> EndsRecord? {
        var known: EndsChain?
        for agreed in seals.flatMap(\.agreed) where agreed.name == name && agreed.writer < incarnation {
            if known == nil { known = agreed.chain } else { _ = known?.merge(agreed.chain) }
        }
        let bases = seals.map(\.base)
        let standing = bases.filter { known?.contains($0) ?? true }
        let base = (standing.isEmpty ? bases : standing).max { $0.number < $1.number } ?? .genesis
        var ends: [Incarnation: Offset] = [:]
        for summary in seals.flatMap(\.lengths) where summary.log.name == name {
            let older = summary.log.incarnation
            guard older >= base.number, older < incarnation else { continue }
            let end = min(summary.flushedEnd, known?.end(of: older) ?? summary.flushedEnd)
            ends[older] = max(ends[older] ?? .zero, end)
        }
        return EndsRecord(on: base, ends.map { EndsRecord.End(incarnation: $0.key, end: $0.value) })
    }
}

extension TestRegion {
    /// What this region would promise now.
    func seal(of name: LogName) -> MemberSeal {
        let lines = name.topic == .content ? askContent { $0.state.lines } : lines
        return MemberSeal(lengths: disk.logs(), agreed: toldEnds, base: lines.base(of: name.region))
    }

    /// Every member has sealed what its disk holds.
    func agree(with regions: [TestRegion]) throws {
        for name in plan.beginnings.map(\.log.name) {
            let ends = MemberSeal.ends(of: regions.map { $0.seal(of: name) }, for: name, below: plan.incarnation)
            router.agree(name, try #require(ends))
        }
    }
}
