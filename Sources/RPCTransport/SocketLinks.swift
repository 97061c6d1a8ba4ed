// The real links: gRPC over HTTP/2 on sockets.

import GRPCFraming
import HTTP2Engine
package import HostEnvironment
import NIOCore
package import NodeEnvironment

/// `Links` over a pool of event loops. Accepted connections and channels spread over its loops; a call's executor is the
/// pool's own object for the loop of its connection.
package final class SocketLinks: Links {
    package let limits: TransportLimits
    private let pool: EventLoopPool
    private let clock: any NodeClock
    private let entropy: any EntropySource
    private let registry = CredentialRegistry()
    /// All listeners of a loop share its turns.
    private let pulses: [LoopPulse]

    /// `pool` must outlive the links and everything that they made.
    package init(
        pool: EventLoopPool, clock: any NodeClock = HostClock(), entropy: any EntropySource = HostEntropy(),
        limits: TransportLimits = TransportLimits()
    ) {
        self.pool = pool
        self.clock = clock
        self.entropy = entropy
        self.limits = limits
        pulses = pool.eventLoops.map { LoopPulse($0.eventLoop, clock: clock) }
    }

    package func listen(
        on endpoint: Endpoint, security: LinkSecurity, handler: any CallHandler
    ) async throws(LinkError) -> any Listener {
        try await listenCounted(on: endpoint, security: security, handler: handler)
    }

    /// The same, with the listener's counters in sight.
    package func listenCounted(
        on endpoint: Endpoint, security: LinkSecurity, handler: any CallHandler
    ) async throws(LinkError) -> SocketListener {
        let tls = try registry.credentials(security, role: .server)
        let setting = ServerSetting(handler: handler, limits: limits, clock: clock, entropy: entropy)
        return try await SocketListener.open(on: endpoint, tls: tls, setting: setting, pool: pool, pulses: pulses)
    }

    package func servePages(
        on endpoint: Endpoint, handler: any PageHandler
    ) async throws(LinkError) -> any Listener {
        try await PageListener.open(on: endpoint, handler: handler, limits: limits, pool: pool, clock: clock)
    }

    package func probe(_ endpoint: Endpoint) throws(LinkError) { try SocketBinding.probe(endpoint) }

    package func channel(to endpoint: Endpoint, security: LinkSecurity) throws(LinkError) -> any CallChannel {
        try endpointChannel(to: endpoint, security: security)
    }

    /// A channel to a peer that answers at several endpoints, at least one.
    package func channel(
        to endpoints: [Endpoint], security: LinkSecurity, policy: PeerPolicy = PeerPolicy()
    ) throws(LinkError) -> PeerChannel {
        guard !endpoints.isEmpty else { throw LinkError(.badAddress, "the peer has no endpoint") }
        var channels: [any EndpointChannel] = []
        for endpoint in endpoints { channels.append(try endpointChannel(to: endpoint, security: security)) }
        return PeerChannel(channels: channels, policy: policy, limits: limits, clock: clock, entropy: entropy)
    }

    private func endpointChannel(to endpoint: Endpoint, security: LinkSecurity) throws(LinkError) -> ClientChannel {
        let tls = try registry.credentials(security, role: .client)
        let executor = pool.eventLoops[Int(entropy.next() % UInt64(pool.eventLoops.count))]
        let link = ClientLink(
            endpoint: endpoint, tls: tls, limits: limits, clock: clock, entropy: entropy, executor: executor,
            loop: executor.eventLoop)
        return ClientChannel(link: link, loop: executor.eventLoop, limits: limits)
    }

    package func reload() throws(LinkError) { try registry.reload() }

    package func reload(_ asked: TLSIdentity, from current: TLSIdentity) throws(LinkError) {
        try registry.reload(TLSSettings.Files(asked), from: TLSSettings.Files(current))
    }

    package func inspect(_ identity: TLSIdentity) throws(LinkError) -> CredentialFacts? {
        try CredentialInspection.read(identity)
    }
}
