// What of a log a state no longer needs.

package import ClusterModel

extension OriginLines {
    /// Up to where a state with these lines holds all of a log: its end where that is agreed and reached, since what lies
    /// beyond it is folded by nobody (S1a). Complexity: O(incarnations without an agreed end).
    package func covered(of incarnation: Incarnation, in region: RegionNumber) -> Offset {
        if isSettled(region, incarnation) { return Offset(.max) }
        let next = next(in: region, incarnation)
        guard let end = agreedEnd(of: incarnation, in: region), next >= end else { return next }
        return Offset(.max)
    }
}
