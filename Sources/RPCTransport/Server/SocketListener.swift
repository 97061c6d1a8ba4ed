// A listening socket and the connections that came of it.

package import ClusterModel
import HTTP2Engine
import HostEnvironment
import NIOCore
import NIOPosix
package import NodeEnvironment

/// Serves gRPC calls. From any task.
package final class SocketListener: Listener {
    package let endpoint: Endpoint
    private let channel: any Channel
    private let acceptor: ConnectionAcceptor

    private init(endpoint: Endpoint, channel: any Channel, acceptor: ConnectionAcceptor) {
        self.endpoint = endpoint
        self.channel = channel
        self.acceptor = acceptor
    }

    static func open(
        on endpoint: Endpoint, tls: TLSCredentials?, setting: ServerSetting, pool: EventLoopPool, pulses: [LoopPulse]
    ) async throws(LinkError) -> SocketListener {
        let acceptor = ConnectionAcceptor(tls: tls, setting: setting, pool: pool, pulses: pulses)
        let bootstrap = ServerBootstrap(group: pool.group).childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture { try acceptor.accept(channel) }
        }
        let (channel, bound) = try await SocketBinding.bind(bootstrap, to: endpoint) { acceptor.onAcceptPause() }
        return SocketListener(endpoint: bound, channel: channel, acceptor: acceptor)
    }

    /// What this listener has seen so far. From any thread.
    package var counters: TransportCounters { acceptor.counters }

    package var counts: [LinkCount] { counters.counts }

    package var occupancy: LinkOccupancy? {
        acceptor.registry.occupancy
    }

    package func shutDown(by deadline: BootInstant) async {
        let registry = acceptor.registry
        guard registry.beginClosing() else {
            // Never fails: the promise is only ever fulfilled.
            try? await registry.whenDrained.get()
            return
        }
        // Fails when it was closed already, which is as good.
        try? await channel.close()
        registry.forEach { $0.beginShutDown() }
        let executor = acceptor.executors.first
        let timer = executor?.schedule(at: deadline) { registry.forEach { $0.close() } }
        // Never fails: the promise is only ever fulfilled.
        try? await registry.whenDrained.get()
        timer?.cancel()
    }
}

/// Makes a `ServerConnection` of each accepted channel. On the channels' loops.
final class ConnectionAcceptor: Sendable {
    let registry: ConnectionRegistry<ServerConnection>
    let executors: [EventLoopExecutor]
    private let tls: TLSCredentials?
    private let setting: ServerSetting
    private let cells: [CounterCell]
    private let pulses: [LoopPulse]

    /// `pulses`: one a loop of the pool, in its order.
    init(tls: TLSCredentials?, setting: ServerSetting, pool: EventLoopPool, pulses: [LoopPulse]) {
        self.pulses = pulses
        self.tls = tls
        self.setting = setting
        executors = pool.eventLoops
        cells = pool.eventLoops.map { _ in CounterCell() }
        let limit = min(setting.limits.maxConnections, setting.handler.maxConnections ?? .max)
        let places = ConnectionPlaces(
            limit: limit, waiting: setting.limits.maxWaitingConnections,
            share: setting.limits.maxConnectionsOfOne ?? limit)
        registry = ConnectionRegistry(places: places, loop: pool.group.any()) { $0.evict() }
    }

    var counters: TransportCounters {
        var total = TransportCounters()
        for cell in cells { total += cell.snapshot }
        return total
    }

    func onAcceptPause() {
        var paused = TransportCounters()
        paused.acceptPauses = 1
        cells[0].add(&paused)
    }

    func accept(_ channel: any Channel) throws {
        // The pool has a handful of loops, and this happens once a connection.
        let index = executors.firstIndex { $0.eventLoop === channel.eventLoop } ?? 0
        guard let ticket = registry.admit(from: channel.remoteAddress?.ipAddress ?? "") else {
            var refused = TransportCounters()
            refused.connectionsRefused = 1
            cells[index].add(&refused)
            channel.close(promise: nil)
            return
        }
        do {
            let wire = ConnectionWire(
                session: try HTTP2Session(role: .server, limits: setting.limits.http2),
                tls: try tls?.context.makeServerEngine(), limits: setting.limits, clock: setting.clock)
            let connection = ServerConnection(
                setting: setting, executor: executors[index], wire: wire, cell: cells[index],
                pulse: pulses[index], isCrowded: { [registry] in registry.isCrowded },
                isRevoked: { [tls] engine in tls?.revokes(engine) ?? false },
                onIntroduced: { [registry, handler = setting.handler] peer in
                    registry.settle(ticket, as: handler.standing(of: peer), payer: peer.payer)
                },
                onEnd: { [registry] in registry.remove(ticket) })
            registry.add(ticket, NIOLoopBound(connection, eventLoop: channel.eventLoop), loop: channel.eventLoop)
            try channel.pipeline.syncOperations.addHandler(connection)
            // Admitted just before the listener began to close: nobody else tells it.
            if registry.isClosing { channel.close(promise: nil) }
        } catch {
            registry.remove(ticket)
            throw error
        }
    }
}
