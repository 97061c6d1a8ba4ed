// Who may speak on the mesh.

import ClusterModel
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import RegionMirror

@Suite struct MeshPeersTests {
    func peers(_ security: LinkSecurity) -> MeshPeers {
        MeshPeers(
            MirrorSettings(
                region: RegionNumber(1), deploymentID: "games", applyVersion: 1,
                peers: [
                    MirrorPeer(region: RegionNumber(2), name: "gcp-eu", endpoints: []),
                    MirrorPeer(region: RegionNumber(3), name: "azure-in", endpoints: []),
                ], security: security, maxBytesPerSecond: 1, heartbeat: .seconds(1), stallTimeout: .seconds(1),
                directory: "d"))
    }

    static let tls = LinkSecurity.mutualTLS(SimulatedHandshake.identity(uri: "meridian://games/aws-us/n1"))

    func admits(_ uri: String?, as region: UInt16? = nil) -> Bool {
        let peer = PeerIdentity(certificateURI: uri, address: "127.0.0.1")
        return region.map { peers(Self.tls).admits(peer, as: RegionNumber($0)) } ?? peers(Self.tls).admits(peer)
    }

    @Test func aNodeOfAConfiguredRegionIsAdmittedAsThatRegionOnly() {
        #expect(admits("meridian://games/gcp-eu/n1"))
        #expect(admits("meridian://games/gcp-eu/n1", as: 2))
        #expect(!admits("meridian://games/gcp-eu/n1", as: 3))
        #expect(admits("meridian://games/azure-in/n7", as: 3))
    }

    @Test(arguments: [
        nil, "", "meridian://other/gcp-eu/n1", "meridian://games/client/app", "meridian://games/aws-us/n1",
        "meridian://games/gcp-eu/", "meridian://games/gcp-eu", "meridian://games/gcp-eu/n1/extra",
        "meridian://games/gcp-eu-2/n1", "MERIDIAN://games/gcp-eu/n1", "spiffe://games/gcp-eu/n1",
    ])
    func othersAreNot(_ uri: String?) {
        #expect(!admits(uri))
        #expect(!admits(uri, as: 2))
    }

    @Test("without TLS, on loopback, a region is taken at its word; one that is not configured is not")
    func plaintext() {
        let nobody = PeerIdentity(certificateURI: nil, address: "127.0.0.1")
        #expect(peers(.plaintext).admits(nobody, as: RegionNumber(2)))
        #expect(!peers(.plaintext).admits(nobody, as: RegionNumber(1)))
        #expect(!peers(.plaintext).admits(nobody, as: RegionNumber(9)))
    }
}
