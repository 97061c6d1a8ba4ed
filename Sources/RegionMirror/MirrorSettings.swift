// What one node's mirrors are told.

package import ClusterModel
package import NodeEnvironment

/// Another region of the deployment.
package struct MirrorPeer: Hashable, Sendable {
    package var region: RegionNumber
    package var name: String
    /// Mesh endpoints of its nodes, tried in turn.
    package var endpoints: [Endpoint]

    package init(region: RegionNumber, name: String, endpoints: [Endpoint]) {
        self.region = region
        self.name = name
        self.endpoints = endpoints
    }
}

/// The same for a node's whole life.
package struct MirrorSettings: Sendable {
    package var region: RegionNumber
    package var deploymentID: String
    package var applyVersion: UInt32
    package var peers: [MirrorPeer]
    package var security: LinkSecurity
    /// Over one link.
    package var maxBytesPerSecond: UInt64
    /// Of snapshots, to all members that bootstrap together, and from the one that this member bootstraps from.
    package var bootstrapBytesPerSecond: UInt64 = 64 << 20
    /// How long a holder keeps a pull for which it has nothing.
    package var heartbeat: Duration
    /// How long after a heartbeat is due a link counts as lost.
    package var stallTimeout: Duration
    /// Where seals are kept: the journal's directory.
    package var directory: String
    package var limits = MirrorLimits()
    /// Whether what is settled at every member leaves (S1b, log.trim).
    package var drops = false
    /// Regions that have left: what is still missing of their logs is mirrored all the same.
    package var formerMembers: [RegionNumber] = []
    /// This region's name, as its peers list it.
    package var regionName = ""
    package var partitions = PartitionCount.standard
    package var timeBounds = TimeBounds.standard
    /// The oldest version of `apply` beside which this one works.
    package var oldestApplyVersion: UInt32
    package var tokenKeys: [TokenKeyFingerprint] = []
    /// How old what is missing of a connected region may be before it alarms: the objective of RPO.
    package var lagAlarm: Duration = .seconds(60)

    /// What peers are told, and compare with their own.
    package var terms: RegionTerms {
        RegionTerms(
            region: RegionTerms.Member(number: region, name: regionName),
            others: peers.map { RegionTerms.Member(number: $0.region, name: $0.name) }, deploymentID: deploymentID,
            partitions: partitions, applyVersion: applyVersion, oldestApplyVersion: oldestApplyVersion,
            bounds: timeBounds, tokenKeys: tokenKeys)
    }

    package init(
        region: RegionNumber, deploymentID: String, applyVersion: UInt32, peers: [MirrorPeer],
        security: LinkSecurity, maxBytesPerSecond: UInt64, heartbeat: Duration, stallTimeout: Duration,
        directory: String
    ) {
        self.region = region
        self.deploymentID = deploymentID
        self.applyVersion = applyVersion
        oldestApplyVersion = applyVersion
        self.peers = peers
        self.security = security
        self.maxBytesPerSecond = maxBytesPerSecond
        self.heartbeat = heartbeat
        self.stallTimeout = stallTimeout
        self.directory = directory
    }

    /// How links to these peers are secured: only a node of one of them may answer.
    package func security(of peers: [MirrorPeer]) -> LinkSecurity {
        security.expecting(.node(of: peers.map(\.name), in: deploymentID))
    }
}

/// Who may speak on the mesh: nodes of configured regions, known by their certificates.
package struct MeshPeers: Sendable {
    private let prefixes: [RegionNumber: String]
    private let demandsCertificate: Bool

    package init(_ settings: MirrorSettings) {
        prefixes = Dictionary(
            settings.peers.map { ($0.region, "meridian://\(settings.deploymentID)/\($0.name)/") },
            uniquingKeysWith: { first, _ in first })
        demandsCertificate = settings.security != .plaintext
    }

    /// Whether the certificate is one of any configured region's nodes.
    package func admits(_ peer: PeerIdentity) -> Bool {
        prefixes.keys.contains { admits(peer, as: $0) }
    }

    /// Whether the certificate is that of a node of `region`.
    package func admits(_ peer: PeerIdentity, as region: RegionNumber) -> Bool {
        guard let prefix = prefixes[region] else { return false }
        guard demandsCertificate else { return true }
        guard let uri = peer.certificateURI, uri.hasPrefix(prefix) else { return false }
        return !uri.dropFirst(prefix.count).isEmpty && !uri.dropFirst(prefix.count).contains("/")
    }
}
