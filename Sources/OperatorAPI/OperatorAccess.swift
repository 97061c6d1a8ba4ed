// Who may call OperatorService.

import NodeEnvironment

/// With TLS: clients whose name begins with "operator", and nodes, of this deployment. Without, which configuration
/// allows on loopback only: everybody on this machine.
struct OperatorAccess: Sendable {
    private let prefix: String
    private let demandsCertificate: Bool

    init(deploymentID: String, demandsCertificate: Bool) {
        prefix = "meridian://\(deploymentID)/"
        self.demandsCertificate = demandsCertificate
    }

    func admits(_ peer: PeerIdentity) -> Bool {
        guard let uri = peer.certificateURI else { return !demandsCertificate }
        guard uri.hasPrefix(prefix) else { return false }
        let parts = uri.dropFirst(prefix.count).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }) else { return false }
        // "client" is no region's name, so any other first part names a node.
        return parts[0] != "client" || parts[1].hasPrefix("operator")
    }
}
