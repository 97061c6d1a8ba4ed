// Up to where every member's published snapshots hold an origin's line (S1b). Pure.

package import ClusterModel
package import EventLog

/// What each member last reported as the base of its published snapshots, and what follows from it. A value; one a node.
package struct FloorReckoning: Sendable {
    private let members: [RegionNumber]
    private let limit: Int
    private var published: [RegionNumber: [LogName: EndsPoint]] = [:]

    /// `members`: all of the deployment, this one included.
    package init(members: [RegionNumber], limits: MirrorLimits = MirrorLimits()) {
        self.members = members
        limit = limits.agreedEnds
    }

    /// A member's snapshots that are on its disk and verify stand on these. What it reports last counts, also where that is
    /// lower: its disk may be lost. `areAll`: what it reported before counts no more. Whether it is a member.
    package mutating func onPublished(_ bases: [LineBase], by member: RegionNumber, areAll: Bool = false) -> Bool {
        guard members.contains(member) else { return false }
        var known = areAll ? [:] : published[member] ?? [:]
        for base in bases where known[base.name] != nil || known.count < limit { known[base.name] = base.point }
        published[member] = known
        return true
    }

    package func published(by member: RegionNumber) -> [LogName: EndsPoint] { published[member] ?? [:] }

    /// Of each line of `origin` the number of the newest record that another member's published snapshot stands on: what lies
    /// below it does not die with the origin's disk, though nobody may hold its bytes any more. Complexity: O(members x lines).
    package func publishedElsewhere(of origin: RegionNumber) -> [LogName: Incarnation] {
        var newest: [LogName: Incarnation] = [:]
        for (member, points) in published where member != origin {
            for (name, point) in points where name.region == origin {
                newest[name] = max(newest[name] ?? point.number, point.number)
            }
        }
        return newest
    }

    /// The newest record of the chain on which every member stands, or on a later one; nil while one of them stands on none.
    /// Complexity: O(members x log links).
    package func floor(of name: LogName, _ chain: EndsChain) -> EndsPoint? {
        var lowest: EndsPoint?
        for member in members {
            guard let point = published[member]?[name], chain.point(atOrBelow: point.number) == point,
                point != chain.root
            else { return nil }
            if lowest.map({ point.number < $0.number }) ?? true { lowest = point }
        }
        return lowest
    }

    /// Who keeps the floor of a line below its newest record: the member that stands lowest, or one that has reported
    /// nothing that stands on the chain.
    package func slowest(of name: LogName, _ chain: EndsChain) -> RegionNumber? {
        members.min { one, other in
            standing(of: one, name, chain) < standing(of: other, name, chain)
        }.flatMap { standing(of: $0, name, chain) < chain.tip.number ? $0 : nil }
    }

    private func standing(of member: RegionNumber, _ name: LogName, _ chain: EndsChain) -> Incarnation {
        guard let point = published[member]?[name], chain.contains(point) else { return Incarnation(0) }
        return point.number
    }
}
