// Checks that take more than one key.

private import ClusterModel
private import NodeEnvironment

extension NodeConfiguration {
    /// Refuses combinations that are unsafe or that this release cannot serve.
    func validate(_ root: ConfigurationSection) throws(ConfigurationError) {
        func refuse(_ code: ConfigurationError.Code, _ key: String, _ message: String) -> ConfigurationError {
            ConfigurationError(
                code: code, file: root.file, location: root.place(of: key), key: key, message: message)
        }
        for (key, text) in [("deployment.id", deployment.id), ("region.name", region.name), ("node.name", nodeName)] {
            guard Self.isName(text) else {
                throw refuse(
                    .invalidValue, key,
                    "\"\(text)\": 1 to 63 letters, digits, '-', '_' or '.' are needed (it is part of certificates)")
            }
        }
        guard region.name != "client" else {
            throw refuse(
                .invalidValue, "region.name", "\"client\" is how certificates of clients begin; choose another name")
        }
        try validatePeers(refuse)
        try validateEndpoints(refuse)
        guard tls != nil || listen.api.isLoopback else {
            throw refuse(
                .invalidValue, "listen.api", "\(listen.api) is not loopback: set tls.ca, tls.certificate and tls.key")
        }
        guard listen.admin.isLoopback else {
            throw refuse(
                .invalidValue, "listen.admin", "\(listen.admin): metrics and health are plaintext and stay on loopback")
        }
        for (place, key) in tokenKeys.enumerated() {
            let others = tokenKeys[..<place]
            guard !others.contains(where: { $0.id == key.id }) else {
                throw refuse(.invalidValue, "keys.tokens[\(place)].id", "\(key.id) is another key's id already")
            }
            guard !others.contains(where: { $0.file == key.file }) else {
                throw refuse(.invalidValue, "keys.tokens[\(place)].file", "another id has the same file")
            }
        }
        guard mirror.stallTimeout >= mirror.heartbeatInterval else {
            throw refuse(
                .invalidValue, "mirror.stall_timeout_ms",
                "must not be below mirror.heartbeat_interval_ms: every silence would be a stall")
        }
        guard log.retention > timeBounds.forgetAfter else {
            throw refuse(.invalidValue, "log.retention_seconds", "must be above R + 2D (S5)")
        }
        guard log.personalDataMaximum > log.retention else {
            throw refuse(
                .invalidValue, "log.personal_data_max_seconds",
                "must be above log.retention_seconds: what may go later than it must is told too late (S8)")
        }
        guard log.maxBytes > log.retentionBytes else {
            throw refuse(
                .invalidValue, "log.max_bytes",
                "must be above log.retention_bytes: appends would stop before anything goes")
        }
    }

    /// Regions know each other by mutual TLS, and by numbers and names that are theirs alone.
    private func validatePeers(
        _ refuse: (ConfigurationError.Code, String, String) -> ConfigurationError
    ) throws(ConfigurationError) {
        guard !peers.isEmpty else {
            guard let mesh = listen.mesh else { return }
            throw refuse(.invalidValue, "listen.mesh", "\(mesh) would serve nobody: add peers, or remove this key")
        }
        guard listen.mesh != nil else {
            throw refuse(.missingKey, "listen.mesh", "peers call this node there: set it, such as 0.0.0.0:7412")
        }
        guard tls != nil else {
            throw refuse(.missingKey, "tls", "regions know each other by mutual TLS: set tls.ca, .certificate and .key")
        }
        for (place, peer) in peers.enumerated() {
            let key = "peers[\(place)]"
            guard Self.isName(peer.region), peer.region != "client" else {
                throw refuse(.invalidValue, "\(key).region", "\"\(peer.region)\" cannot be part of a certificate")
            }
            guard peer.number != region.number, peer.region != region.name else {
                throw refuse(.invalidValue, key, "\(peer.region) (\(peer.number.rawValue)) is this node's own region")
            }
            guard !peer.endpoints.isEmpty else {
                throw refuse(.invalidValue, "\(key).endpoints", "\(peer.region) has none")
            }
            let others = peers[..<place]
            guard !others.contains(where: { $0.number == peer.number }) else {
                throw refuse(.invalidValue, "\(key).number", "\(peer.number.rawValue) is another peer's already")
            }
            guard !others.contains(where: { $0.region == peer.region }) else {
                throw refuse(.invalidValue, "\(key).region", "\(peer.region) is another peer's name already")
            }
        }
    }

    /// Listeners need ports of their own, and an endpoint reaches one region.
    private func validateEndpoints(
        _ refuse: (ConfigurationError.Code, String, String) -> ConfigurationError
    ) throws(ConfigurationError) {
        let all: [(name: String, endpoint: Endpoint?)] = [
            ("api", listen.api), ("mesh", listen.mesh), ("admin", listen.admin),
        ]
        let listeners = all.compactMap { one in one.endpoint.map { (name: one.name, endpoint: $0) } }
        for (place, (name, endpoint)) in listeners.enumerated() {
            guard let other = listeners[..<place].first(where: { $0.endpoint.collides(with: endpoint) }) else {
                continue
            }
            throw refuse(
                .invalidValue, "listen.\(name)",
                "\(endpoint) is where listen.\(other.name) listens: give it another port")
        }
        var known: [Endpoint: String] = [:]
        if let mesh = listen.mesh { known[mesh] = "this node's own listen.mesh" }
        for (place, peer) in peers.enumerated() {
            for (index, endpoint) in peer.endpoints.enumerated() {
                let key = "peers[\(place)].endpoints[\(index)]"
                guard endpoint.port > 0, !endpoint.isWildcard else {
                    throw refuse(.invalidValue, key, "\(endpoint) cannot be dialled: name the peer's host and port")
                }
                if let owner = known[endpoint] {
                    throw refuse(.invalidValue, key, "\(endpoint) is \(owner) already")
                }
                known[endpoint] = "an endpoint of \(peer.region)"
            }
        }
    }

    private static func isName(_ text: String) -> Bool {
        (1...63).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }
}

extension Endpoint {
    /// Whether only this machine can reach the endpoint: 127.0.0.0/8, ::1 or `localhost`.
    package var isLoopback: Bool {
        host == "localhost" || host == "::1" || (host.hasPrefix("127.") && host.allSatisfy { $0.isNumber || $0 == "." })
    }

    /// Whether it stands for all addresses of a machine.
    fileprivate var isWildcard: Bool { host == "0.0.0.0" || host == "::" }

    /// Whether a listener at `other` keeps one here from listening. Port 0 collides with nothing.
    fileprivate func collides(with other: Endpoint) -> Bool {
        port == other.port && port != 0 && (host == other.host || isWildcard || other.isWildcard)
    }
}
