// Where actors of other regions run.

import ActorCluster
import ClusterModel
import NodeEnvironment

/// One node a region: an actor of a peer region is behind that region's first mesh endpoint.
struct RegionPlacement: ActorPlacement {
    private let endpoints: [RegionNumber: Endpoint]

    init(_ peers: [NodeConfiguration.Peer]) {
        endpoints = Dictionary(
            peers.compactMap { peer in peer.endpoints.first.map { (peer.number, $0) } },
            uniquingKeysWith: { first, _ in first })
    }

    func endpoint(of actor: ActorIdentity) -> Endpoint? { endpoints[actor.region] }
}
