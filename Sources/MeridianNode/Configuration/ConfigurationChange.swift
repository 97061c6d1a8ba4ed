// What differs between the configuration that a node runs with and one that was read later. Pure.

/// Changed keys, by what becomes of them while the node runs. A value.
struct ConfigurationChange: Hashable, Sendable {
    /// What a running node takes up; every other key counts at the next start.
    private static let taken = ["access", "tls.ca", "tls.certificate", "tls.key", "tls.crl", "tls.allow_tls_1_2"]
    /// Where links are secured and where they are not.
    private static let alwaysTaken = ["keys.tokens"]

    /// In force once the reload has come through. Dotted, ascending.
    let takenUp: [String]
    /// Not in force before the next start. Dotted, ascending.
    let needRestart: [String]

    /// `inForce`: what the node does now, which is not what it was started with once it was reloaded.
    init(from inForce: NodeConfiguration, to read: NodeConfiguration) {
        // Without links that are secured there is nobody to ask for a certificate, and nothing to take up.
        let isSecured = inForce.tls != nil && read.tls != nil
        let changed = Set(inForce.values.keys).union(read.values.keys)
            .filter { inForce.values[$0] != read.values[$0] }.sorted()
        let names = Self.alwaysTaken + (isSecured ? Self.taken : [])
        let isTaken = { (key: String) in names.contains { Self.isKey(key, of: $0) } }
        takenUp = changed.filter(isTaken)
        needRestart = changed.filter { !isTaken($0) }
    }

    private static func isKey(_ key: String, of name: String) -> Bool {
        key == name || key.hasPrefix("\(name)[") || key.hasPrefix("\(name).")
    }
}

extension NodeConfiguration {
    /// This one, with what a running node takes up from `read`.
    func taking(_ change: ConfigurationChange, from read: NodeConfiguration) -> NodeConfiguration {
        var next = self
        for key in change.takenUp { next.values[key] = read.values[key] }
        next.tokenKeys = read.tokenKeys
        guard tls != nil, let identity = read.tls else { return next }
        next.tls = identity
        next.access = read.access
        return next
    }
}
