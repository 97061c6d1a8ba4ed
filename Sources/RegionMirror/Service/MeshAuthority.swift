// Which region may say what on the mesh, and about which logs. A caller is the region that its certificate names.
//
// | call                      | who may make it      | about                                                          |
// |---------------------------|----------------------|----------------------------------------------------------------|
// | Mirror/Pull               | a member, as itself  | any log: positions are questions, and members hold all logs    |
// | Mirror/Claim              | a member, as itself  | its own region's claim (S1)                                    |
// | Mirror/Report             | a member, as itself  | its own cursors on any log; those of other members on this     |
// |                           |                      | node's own logs, which it forwards as such (S11)               |
// | Snapshots/List, Read      | a member, as itself  | any state: members hold all of them (S5)                       |
// | LineageKeeper seal, lift  | the origin           | its own lines (S1a)                                            |
// | UserShard, ContentShard   | a member             | reads of state, which change nothing                           |
// | CapacityReporter          | a member             | reads of what this region could take over                      |
//
// Everything else is refused, and what a refused call says changes nothing.

package import ClusterModel
package import NodeEnvironment

/// Judges callers and what they say. A value without state.
package struct MeshAuthority: Sendable {
    private let own: RegionNumber
    private let members: Set<RegionNumber>
    private let peers: MeshPeers

    package init(_ settings: MirrorSettings) {
        own = settings.region
        members = Set(settings.peers.map(\.region)).subtracting([settings.region])
        peers = MeshPeers(settings)
    }

    /// Whether `teller` may report the cursor: its own, or as a relay to the log's origin, which is this node.
    package func mayReport(_ cursor: CursorReport.Cursor, by teller: RegionNumber) -> Bool {
        guard members.contains(teller), members.contains(cursor.region) else { return false }
        return cursor.region == teller || cursor.point.log.name.region == own
    }

    /// Whether `caller` may seal and lift the lines of `origin`; nil is this process itself.
    package func mayCollect(for origin: RegionNumber, by caller: PeerIdentity?) -> Bool {
        guard let caller else { return origin == own }
        // A second process of this region is another one all the same (S1).
        return origin != own && peers.admits(caller, as: origin)
    }
}
