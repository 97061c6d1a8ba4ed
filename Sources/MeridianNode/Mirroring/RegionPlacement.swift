// Where actors of other regions run.

import ActorCluster
import ClusterModel
import NodeEnvironment

/// One node a region: an actor of a peer region is behind any of that region's mesh endpoints.
struct RegionPlacement: ActorPlacement {
    private let endpoints: [RegionNumber: [Endpoint]]

    init(_ peers: [NodeConfiguration.Peer]) {
        endpoints = Dictionary(peers.map { ($0.number, $0.endpoints) }, uniquingKeysWith: { first, _ in first })
    }

    func endpoints(of actor: ActorIdentity) -> [Endpoint] { endpoints[actor.region] ?? [] }
}
