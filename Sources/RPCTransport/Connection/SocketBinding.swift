// Binding a listening socket, and what its failures mean.

import ClusterModel
import Glibc
import NIOCore
import NIOPosix
import NodeEnvironment

/// Options that every connection shares.
enum TransportDefaults {
    /// Writes beyond the high mark wait: large answers go out in pieces, memory stays bounded.
    static let waterMark = ChannelOptions.Types.WriteBufferWaterMark(low: 128 << 10, high: 512 << 10)
    static let backlog: Int32 = 1_024
    /// Reads of one connection in one tick.
    static let maxReadsATick: UInt = 4
}

/// A bound socket.
enum SocketBinding {
    /// `onPause` runs each time the system has nothing left for another connection.
    static func bind(
        _ bootstrap: ServerBootstrap, to endpoint: Endpoint, onPause: @escaping @Sendable () -> Void
    ) async throws(LinkError) -> (channel: any Channel, endpoint: Endpoint) {
        let configured =
            bootstrap
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AcceptPause(onPause: onPause))
                }
            }
            .serverChannelOption(.backlog, value: TransportDefaults.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.maxMessagesPerRead, value: TransportDefaults.maxReadsATick)
            .childChannelOption(.writeBufferWaterMark, value: TransportDefaults.waterMark)
        do {
            let channel = try await configured.bind(host: endpoint.host, port: endpoint.port).get()
            return (channel, Endpoint(host: endpoint.host, port: channel.localAddress?.port ?? endpoint.port))
        } catch {
            throw failure(error, endpoint)
        }
    }

    private static func failure(_ error: any Error, _ endpoint: Endpoint) -> LinkError {
        guard let error = error as? IOError else {
            // Names that do not resolve come as other types.
            return LinkError(.badAddress, "\(endpoint): \(error)")
        }
        return switch error.errnoCode {
        case EADDRINUSE: LinkError(.addressInUse, "\(endpoint) is taken by another process")
        case EADDRNOTAVAIL, EACCES, EPERM, EAFNOSUPPORT:
            LinkError(.badAddress, "\(endpoint) cannot be bound (errno \(error.errnoCode))")
        default: LinkError(.io, "\(endpoint): \(error)")
        }
    }
}
