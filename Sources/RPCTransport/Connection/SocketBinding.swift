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

    /// Binds the address and lets go of it: whoever listens there already is found out, and nobody can connect meanwhile. A port
    /// that the system chooses is always free.
    static func probe(_ endpoint: Endpoint) throws(LinkError) {
        guard endpoint.port > 0 else { return }
        do {
            let address = try SocketAddress.makeAddressResolvingHost(endpoint.host, port: endpoint.port)
            let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
            let descriptor = socket(address.protocol.rawValue, kind, 0)
            guard descriptor >= 0 else { throw IOError(errnoCode: errno, reason: "socket") }
            defer { Glibc.close(descriptor) }
            var isOn: Int32 = 1
            // As the listener does: what a closed connection left behind is no listener.
            let length = socklen_t(MemoryLayout<Int32>.size)
            _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &isOn, length)
            let result = unsafe address.withSockAddr { pointer, size in
                unsafe Glibc.bind(descriptor, pointer, socklen_t(size))
            }
            guard result == 0 else { throw IOError(errnoCode: errno, reason: "bind") }
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
