// Calls by client identity (INTERFACES: every call is counted by it), in a table of bounded size.

import ClusterModel
package import Metrics
import NodeEnvironment
import Synchronization

/// Counts calls by the name in the peer's certificate. Beyond `maxClients` names, calls count as "other".
package final class ClientCounts: Sendable {
    package static let maxClients = 256

    private let factory: any MetricsFactory
    private let prefix: String
    private let anonymous: Counter
    let other: Counter
    private let named: Mutex<[String: Counter]>

    /// `deploymentID` is that of the certificates counted by name: `meridian://<deployment>/client/<name>`.
    package init(deploymentID: String, factory: any MetricsFactory) {
        self.factory = factory
        prefix = "meridian://\(deploymentID)/"
        anonymous = Self.counter("anonymous", factory)
        other = Self.counter("other", factory)
        named = Mutex([:])
    }

    /// The counter of a certificate's name, or of all callers without one. A look-up under a short lock.
    func counter(of certificateURI: String?) -> Counter {
        guard let certificateURI else { return anonymous }
        return named.withLock { table -> Counter in
            if let known = table[certificateURI] { return known }
            guard table.count < Self.maxClients, let name = Self.name(in: certificateURI, after: prefix) else {
                return other
            }
            let made = Self.counter(name, factory)
            table[certificateURI] = made
            return made
        }
    }

    /// `client/shop` or `region/node`; nil for an identity of another deployment, or one longer than 128 bytes.
    private static func name(in uri: String, after prefix: String) -> String? {
        guard uri.hasPrefix(prefix) else { return nil }
        let name = uri.dropFirst(prefix.count)
        return (1...128).contains(name.utf8.count) ? String(name) : nil
    }

    private static func counter(_ name: String, _ factory: any MetricsFactory) -> Counter {
        Counter(label: "meridian_client_calls_total", dimensions: [("client", name)], factory: factory)
    }
}
