// Where actors of other regions run.

import ActorCluster
import ClusterModel
import NodeEnvironment

/// One node a region: an actor of a peer region is behind that region's first mesh endpoint.
struct RegionPlacement: ActorPlacement {
    private let endpoints: [RegionNumber: Endpoint]
    private let nodes: [RegionNumber: ExpectedPeer]

    init(_ peers: [NodeConfiguration.Peer], deploymentID: String) {
        nodes = Dictionary(
            peers.map { ($0.number, ExpectedPeer.node(of: [$0.region], in: deploymentID)) },
            uniquingKeysWith: { first, _ in first })
        endpoints = Dictionary(
            peers.compactMap { peer in peer.endpoints.first.map { (peer.number, $0) } },
            uniquingKeysWith: { first, _ in first })
    }

    func endpoint(of actor: ActorIdentity) -> Endpoint? { endpoints[actor.region] }

    /// A node of the actor's region, and nobody else who has a certificate of the authority.
    func expectedPeer(of actor: ActorIdentity) -> ExpectedPeer { nodes[actor.region] ?? .uriPrefixes([]) }
}
