// What is served on the mesh, to nodes of configured regions only.

import GRPCFraming
import NodeEnvironment
import RegionMirror

/// Refuses every caller whose certificate is not one of a peer region's nodes: clients of the deployment have
/// certificates of the same authority, and no business here.
struct MeshHandler: CallHandler {
    private let handler: any CallHandler
    private let peers: MeshPeers
    private let refusals: MeshRefusals
    let maxConnections: Int?

    init(_ handler: any CallHandler, peers: MeshPeers, refusals: MeshRefusals, maxConnections: Int?) {
        self.maxConnections = maxConnections
        self.handler = handler
        self.peers = peers
        self.refusals = refusals
    }

    var methods: [String] { handler.methods }
    var streamingMethods: [String] { handler.streamingMethods }

    /// A client of the deployment holds no place that a peer region may need.
    func standing(of peer: PeerIdentity) -> ConnectionStanding { peers.admits(peer) ? .peer : .guest }

    func handle(_ call: UnaryCall) {
        guard peers.admits(call.peer) else { return call.fail(refusal(of: call.peer)) }
        handler.handle(call)
    }

    func handle(_ call: StreamCall) {
        guard peers.admits(call.peer) else { return call.fail(refusal(of: call.peer)) }
        handler.handle(call)
    }

    private func refusal(of peer: PeerIdentity) -> RPCStatus {
        let name = peer.certificateURI ?? "a peer without a certificate"
        let reason = "\(name) is no node of a configured region"
        refusals.onRefused(name, reason)
        return RPCStatus(.permissionDenied, reason)
    }
}
