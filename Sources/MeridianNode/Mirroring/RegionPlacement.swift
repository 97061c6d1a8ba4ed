// Where actors of other regions run.

import ActorCluster
import ClusterModel
import NodeEnvironment

/// One node a region: an actor of a peer region is behind any of that region's mesh endpoints.
struct RegionPlacement: ActorPlacement {
    private let endpoints: [RegionNumber: [Endpoint]]
    private let nodes: [RegionNumber: ExpectedPeer]

    init(_ peers: [NodeConfiguration.Peer], deploymentID: String) {
        nodes = Dictionary(
            peers.map { ($0.number, ExpectedPeer.node(of: [$0.region], in: deploymentID)) },
            uniquingKeysWith: { first, _ in first })
        endpoints = Dictionary(peers.map { ($0.number, $0.endpoints) }, uniquingKeysWith: { first, _ in first })
    }

    func endpoints(of actor: ActorIdentity) -> [Endpoint] { endpoints[actor.region] ?? [] }

    /// A node of the actor's region, and nobody else who has a certificate of the authority.
    func expectedPeer(of actor: ActorIdentity) -> ExpectedPeer { nodes[actor.region] ?? .uriPrefixes([]) }
}
