// Calls between processes, as the node sees them: gRPC calls above HTTP/2, without the sockets. RPCTransport implements
// them for real; the simulator passes the same messages in memory.

package import ClusterModel
package import GRPCFraming
package import NIOCore

/// Where a process listens.
package struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    package var host: String
    /// 0 lets the system choose; `Listener.endpoint` says which.
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Parses `host:port` and `[v6]:port`: addresses and names that can exist, decimal ports. Nil for anything else.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"),
            let port = HostName.decimal(text[text.index(after: colon)...], upTo: 65_535)
        else { return nil }
        var host = text[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        guard isBracketed ? HostName.isIPv6(host) : HostName.isNameOrIPv4(host) else { return nil }
        self.init(host: String(host), port: port)
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Files of a TLS identity (PEM) and what is demanded of the peer. Files are read again when the links are told to.
package struct TLSIdentity: Hashable, Sendable {
    /// Certificates that a peer's chain must end in.
    package var authorityPath: String
    package var certificatePath: String
    package var keyPath: String
    /// Certificate revocation lists, one of each issuer; nil checks none.
    package var revocationPath: String?
    package var expectedPeer = ExpectedPeer.host
    /// Whether TLS 1.2 is spoken with peers that have no 1.3.
    package var allowsTLS12 = false

    package init(
        authorityPath: String, certificatePath: String, keyPath: String, revocationPath: String? = nil,
        expectedPeer: ExpectedPeer = .host
    ) {
        self.authorityPath = authorityPath
        self.certificatePath = certificatePath
        self.keyPath = keyPath
        self.revocationPath = revocationPath
        self.expectedPeer = expectedPeer
    }
}

/// Who a peer must be, beyond being certified by the authority.
package enum ExpectedPeer: Hashable, Sendable {
    /// A client verifies the host that it dials; a server takes every certificate of its authority.
    case host
    /// The certificate's one URI SAN is exactly this; hosts do not matter, so that a node may move.
    case uri(String)
    /// The URI SAN begins with one of these, as `meridian://<deployment>/`; a client verifies the host too.
    case uriPrefixes([String])

    package static func uriPrefix(_ prefix: String) -> ExpectedPeer { .uriPrefixes([prefix]) }

    /// Anybody of the deployment: nodes and clients.
    package static func member(of deploymentID: String) -> ExpectedPeer { .uriPrefix("meridian://\(deploymentID)/") }

    /// A node of one of these regions of the deployment.
    package static func node(of regions: [String], in deploymentID: String) -> ExpectedPeer {
        .uriPrefixes(regions.map { "meridian://\(deploymentID)/\($0)/" })
    }
}

/// How a link is secured. There is no downgrade from one to the other.
package enum LinkSecurity: Hashable, Sendable {
    /// h2c with prior knowledge. Configuration allows it on loopback only.
    case plaintext
    /// TLS 1.3 with ALPN h2; both sides show certificates, and a server refuses a client without one.
    case mutualTLS(TLSIdentity)
    /// TLS 1.3 with ALPN h2; only the server shows a certificate.
    case serverTLS(TLSIdentity)

    /// The same, with a peer that must also be this one.
    package func expecting(_ peer: ExpectedPeer) -> LinkSecurity {
        switch self {
        case .plaintext: return .plaintext
        case .mutualTLS(var identity):
            identity.expectedPeer = peer
            return .mutualTLS(identity)
        case .serverTLS(var identity):
            identity.expectedPeer = peer
            return .serverTLS(identity)
        }
    }
}

/// Who is on the other side of a link: the URI SAN of its verified certificate, or nobody in particular.
package struct PeerIdentity: Hashable, Sendable {
    /// `meridian://<deployment>/<region>/<node>` or `meridian://<deployment>/client/<name>`; nil without a certificate.
    package var certificateURI: String?
    /// The remote address, for logs about connections, and to tell connections without certificates apart.
    package var address: String

    /// Who pays for what this peer takes: its certificate's identity, on however many connections; without one its
    /// connection.
    package var payer: String { certificateURI ?? address }

    package init(certificateURI: String?, address: String) {
        self.certificateURI = certificateURI
        self.address = address
    }
}

/// Opens and accepts links.
package protocol Links: Sendable {
    /// Serves `handler` until the listener is shut down. Accepted connections spread over the node's loops.
    func listen(
        on endpoint: Endpoint, security: LinkSecurity, handler: any CallHandler
    ) async throws(LinkError) -> any Listener

    /// Serves plain HTTP/1.1 pages; for loopback only.
    func servePages(on endpoint: Endpoint, handler: any PageHandler) async throws(LinkError) -> any Listener

    /// Whether a listener could be bound there now, without making one: a start that cannot serve is refused before it writes
    /// anything. Blocks on the resolution of the host's name.
    func probe(_ endpoint: Endpoint) throws(LinkError)

    /// A channel to one endpoint. Connects lazily and again after a loss; never throws for a peer that is away.
    func channel(to endpoint: Endpoint, security: LinkSecurity) throws(LinkError) -> any CallChannel

    /// Reads all certificates, keys and revocation lists again, for connections that come from now on; those that are open
    /// go on. Where one of the files cannot be used nothing changes at all. Blocks on the disk.
    func reload() throws(LinkError)

    /// The same; from now on whatever was made, or is made later, with the files of `asked` uses those of `current` instead, and
    /// its versions of TLS.
    func reload(_ asked: TLSIdentity, from current: TLSIdentity) throws(LinkError)

    /// What stands in the files of an identity; nil for links that read none. Blocks on the disk. Throws `.badCertificate` with
    /// the file that cannot be used.
    func inspect(_ identity: TLSIdentity) throws(LinkError) -> CredentialFacts?
}

extension Links {
    /// For links whose listeners are refused at once and cost nothing.
    package func probe(_ endpoint: Endpoint) throws(LinkError) {}

    /// For links that read no files.
    package func inspect(_ identity: TLSIdentity) throws(LinkError) -> CredentialFacts? { nil }

    /// For links that read no files.
    package func reload() throws(LinkError) {}

    /// For links that read no files.
    package func reload(_ asked: TLSIdentity, from current: TLSIdentity) throws(LinkError) {}
}

package protocol Listener: Sendable {
    /// With the port that the system chose.
    var endpoint: Endpoint { get }

    /// What it has seen since it began, for the metrics page. From any thread; does not block.
    var counts: [LinkCount] { get }

    /// How full it is; nil for one that has no bound. From any thread; does not block.
    var occupancy: LinkOccupancy? { get }

    /// Refuses new connections, lets calls under way finish until `deadline`, then closes. Idempotent.
    func shutDown(by deadline: BootInstant) async
}

extension Listener {
    /// For listeners that count nothing.
    package var counts: [LinkCount] { [] }

    /// For listeners without a bound of their own.
    package var occupancy: LinkOccupancy? { nil }
}

/// Connections that a listener holds, of those that it may.
package struct LinkOccupancy: Hashable, Sendable {
    /// That have introduced themselves.
    package let open: Int
    package let limit: Int
    /// That have not so far.
    package let waiting: Int
    /// Whether connections that have not introduced themselves make room for others, or hold half of the places.
    package let isContended: Bool

    package init(open: Int, limit: Int, waiting: Int = 0, isContended: Bool = false) {
        self.open = open
        self.limit = limit
        self.waiting = waiting
        self.isContended = isContended
    }
}

/// What a peer is to the handler that it comes to.
package enum ConnectionStanding: Hashable, Sendable {
    /// Whom the listener is there for: bounded by its limit only.
    case peer
    /// One of many: no more of them than one client's share.
    case client
    /// The handler refuses its calls, and says why: a few places for all of them.
    case guest
}

/// A figure of a listener that only grows; `name` is fit for a metric: lower case and underscores.
package struct LinkCount: Hashable, Sendable {
    package let name: String
    package let value: UInt64

    package init(_ name: String, _ value: UInt64) {
        self.name = name
        self.value = value
    }
}

/// The caller's side of a link. Safe to use from any task.
package protocol CallChannel: Sendable {
    /// One unary call. A failure of the link is a status too (UNAVAILABLE), as gRPC has it; a passed deadline is
    /// DEADLINE_EXCEEDED; cancelling the task cancels the call.
    func unary(
        path: String, message: ByteBuffer, metadata: CallMetadata, deadline: BootInstant?
    ) async throws(RPCStatus) -> UnaryReply

    /// Begins a call whose messages come one after another, on either side or both. Failures show when it is read or
    /// written, a link that cannot be made among them.
    /// `encoding`: what the caller's messages may be compressed with; a server that cannot read it answers UNIMPLEMENTED.
    func stream(
        path: String, metadata: CallMetadata, deadline: BootInstant?, encoding: MessageEncoding
    ) throws(RPCStatus) -> ClientStream

    /// Closes the connection; calls under way fail with UNAVAILABLE. Idempotent.
    func close() async
}

extension CallChannel {
    /// For channels of tests that know unary calls only.
    package func stream(
        path: String, metadata: CallMetadata, deadline: BootInstant?, encoding: MessageEncoding
    ) throws(RPCStatus) -> ClientStream {
        throw RPCStatus(.unimplemented, "this channel has no streams")
    }

    /// The same without compression.
    package func stream(
        path: String, metadata: CallMetadata = CallMetadata(), deadline: BootInstant?
    ) throws(RPCStatus) -> ClientStream {
        try stream(path: path, metadata: metadata, deadline: deadline, encoding: .identity)
    }
}

package struct UnaryReply: Sendable {
    package var message: ByteBuffer
    package var trailers: CallMetadata

    package init(message: ByteBuffer, trailers: CallMetadata = CallMetadata()) {
        self.message = message
        self.trailers = trailers
    }
}

/// Why a listener or a channel could not be set up.
package struct LinkError: Error, Hashable, CustomStringConvertible {
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        package let description: String

        private init(_ description: String) { self.description = description }

        package static let addressInUse = Code("address in use")
        package static let badAddress = Code("address cannot be bound")
        package static let badCertificate = Code("certificate or key cannot be used")
        package static let io = Code("input/output error")
    }

    package var code: Code
    /// What was tried and why it failed, for people.
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { "\(code): \(message)" }
}
