// Whose connections hold places of the mesh's port.

import ClusterModel
import GRPCFraming
import Logging
import NodeEnvironment
import RegionMirror
import SimulatedEnvironment
import Testing

@testable import MeridianNode

@Suite struct MeshStandingTests {
    private struct Nothing: CallHandler {
        let methods: [String] = []
        func handle(_ call: UnaryCall) { call.fail(RPCStatus(.unimplemented, "")) }
    }

    /// A client has a certificate of the same authority, and finishes its handshake there as a peer does.
    @Test(arguments: [
        ("meridian://shop/eu/n1", ConnectionStanding.peer), ("meridian://shop/client/app", .guest),
        ("meridian://shop/far/n1", .guest), ("meridian://mall/eu/n1", .guest),
    ])
    func onlyNodesOfPeerRegionsHoldPlacesOfTheMesh(uri: String, standing: ConnectionStanding) {
        let identity = TLSIdentity(authorityPath: "ca", certificatePath: "c", keyPath: "k")
        let settings = MirrorSettings(
            region: RegionNumber(1), deploymentID: "shop", applyVersion: 2,
            peers: [MirrorPeer(region: RegionNumber(2), name: "eu", endpoints: [])],
            security: .mutualTLS(identity), maxBytesPerSecond: 1, heartbeat: .seconds(1), stallTimeout: .seconds(1),
            directory: "d")
        let quiet = Logger(label: "mesh") { _ in SwiftLogNoOpLogHandler() }
        let refusals = MeshRefusals(clock: SteppedEnvironment(seed: 1).clock, logger: quiet)
        let handler = MeshHandler(Nothing(), peers: MeshPeers(settings), refusals: refusals, maxConnections: 64)
        #expect(handler.standing(of: PeerIdentity(certificateURI: uri, address: "a")) == standing)
    }
}
