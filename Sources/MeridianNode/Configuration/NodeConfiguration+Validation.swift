// Checks that take more than one key.

private import ClusterModel
private import NodeEnvironment

extension NodeConfiguration {
    /// Refuses combinations that are unsafe or that this release cannot serve.
    func validate(file: String) throws(ConfigurationError) {
        func refuse(_ code: ConfigurationError.Code, _ key: String, _ message: String) -> ConfigurationError {
            ConfigurationError(code: code, file: file, location: nil, key: key, message: message)
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
        guard tls != nil || listen.api.isLoopback else {
            throw refuse(
                .invalidValue, "listen.api", "\(listen.api) is not loopback: set tls.ca, tls.certificate and tls.key")
        }
        guard listen.admin.isLoopback else {
            throw refuse(
                .invalidValue, "listen.admin", "\(listen.admin): metrics and health are plaintext and stay on loopback")
        }
        guard Set(tokenKeys.map(\.id)).count == tokenKeys.count else {
            throw refuse(.invalidValue, "keys.tokens", "two keys have one id")
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
        for peer in peers {
            guard Self.isName(peer.region), peer.region != "client" else {
                throw refuse(.invalidValue, "peers.region", "\"\(peer.region)\" cannot be part of a certificate")
            }
            guard peer.number != region.number, peer.region != region.name else {
                throw refuse(
                    .invalidValue, "peers", "\(peer.region) (\(peer.number.rawValue)) is this node's own region")
            }
            guard !peer.endpoints.isEmpty else {
                throw refuse(.invalidValue, "peers.endpoints", "\(peer.region) has none")
            }
        }
        guard Set(peers.map(\.number)).count == peers.count, Set(peers.map(\.region)).count == peers.count else {
            throw refuse(.invalidValue, "peers", "two peers have one number or one name")
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
}
