// What all TLS connections of a listener or a channel share: certificate, key, authority.

/// TLS with ALPN h2. Immutable; makes engines from any thread. Engines keep what they need of it: a context may be
/// replaced at any time, and the connections that it made go on.
package final class TLSContext: Sendable {
    package let settings: TLSSettings
    private let native: NativeTLSContext

    package var role: HTTP2Role { settings.role }

    /// Reads the files.
    package init(_ settings: TLSSettings) throws(TLSContextError) {
        self.settings = settings
        native = try NativeTLSContext(settings)
    }

    /// Whether the peer of a connection that stands is one whose certificate was taken back since. For the thread of `engine`.
    package func revokes(_ engine: TLSEngine) -> Bool { engine.isRevoked(by: native) }

    /// An engine for an accepted connection.
    package func makeServerEngine() throws(TLSFailure) -> TLSEngine { try TLSEngine(native, host: nil) }

    /// An engine for a connection to `host`, which must be among the names of the server's certificate unless a URI is
    /// expected. Resumes an earlier session with that host where there is one.
    package func makeClientEngine(host: String) throws(TLSFailure) -> TLSEngine {
        try TLSEngine(native, host: host)
    }
}
