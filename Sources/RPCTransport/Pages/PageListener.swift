// Plain HTTP/1.1 pages: health and metrics for probes and scrapers.

import ClusterModel
import HostEnvironment
import NIOCore
import NIOHTTP1
import NIOPosix
import NodeEnvironment

/// Serves GET requests, one connection each or kept alive. From any task.
final class PageListener: Listener {
    let endpoint: Endpoint
    private let channel: any Channel
    private let registry: ConnectionRegistry<PageConnection>
    private let timers: EventLoopExecutor?

    private init(
        endpoint: Endpoint, channel: any Channel, registry: ConnectionRegistry<PageConnection>,
        timers: EventLoopExecutor?
    ) {
        self.endpoint = endpoint
        self.channel = channel
        self.registry = registry
        self.timers = timers
    }

    static func open(
        on endpoint: Endpoint, handler: any PageHandler, limits: TransportLimits, pool: EventLoopPool,
        clock: any NodeClock
    ) async throws(LinkError) -> PageListener {
        // Nobody introduces himself here: whoever came first makes room when all places are taken.
        let places = ConnectionPlaces(limit: limits.maxPageConnections, waiting: 0, share: limits.maxPageConnections)
        let registry = ConnectionRegistry<PageConnection>(places: places, loop: pool.group.any()) { $0.close() }
        let executors = pool.eventLoops
        let bootstrap = ServerBootstrap(group: pool.group).childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                // Whoever reaches the port is on this machine, and asks at once.
                guard let executor = executors.first(where: { $0.eventLoop === channel.eventLoop }),
                    let ticket = registry.admit(from: "")
                else {
                    channel.close(promise: nil)
                    return
                }
                let connection = PageConnection(
                    handler: handler, executor: executor, clock: clock, timeout: limits.handshakeTimeout,
                    onEnd: { registry.remove(ticket) })
                registry.add(ticket, NIOLoopBound(connection, eventLoop: channel.eventLoop), loop: channel.eventLoop)
                let pipeline = channel.pipeline.syncOperations
                try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: false, withErrorHandling: true)
                try pipeline.addHandler(connection)
            }
        }
        let (channel, bound) = try await SocketBinding.bind(bootstrap, to: endpoint) {}
        return PageListener(endpoint: bound, channel: channel, registry: registry, timers: executors.first)
    }

    var occupancy: LinkOccupancy? { registry.occupancy }

    func shutDown(by deadline: BootInstant) async {
        if registry.beginClosing() {
            // Fails when it was closed already, which is as good.
            try? await channel.close()
            registry.forEach { $0.beginShutDown() }
            _ = timers?.schedule(at: deadline) { [registry] in registry.forEach { $0.close() } }
        }
        // Never fails: the promise is only ever fulfilled.
        try? await registry.whenDrained.get()
    }
}
