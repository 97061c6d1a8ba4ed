// What both ends of a connection ask of the kernel.

import Glibc
import NodeEnvironment
import RPCTransport
import Testing

@Suite struct SocketOptionTests {
    /// An option of a socket; nil where the descriptor is no socket or has none such.
    private static func option(_ level: Int32, _ name: Int32, of descriptor: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, level, name, &value, &length) == 0 ? value : nil
    }

    private typealias Naming = (Int32, UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<socklen_t>?) -> Int32

    private static func port(of descriptor: Int32, _ name: Naming) -> Int? {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let answer = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name(descriptor, $0, &length) }
        }
        guard answer == 0, address.sin_family == sa_family_t(AF_INET) else { return nil }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    /// Both ends of the connections to `port`, found among this process's descriptors.
    private static func connected(to port: Int) -> [Int32] {
        (0..<4_096).filter { descriptor in
            // A listening socket has no peer.
            guard let far = self.port(of: descriptor, getpeername) else { return false }
            return far == port || self.port(of: descriptor, getsockname) == port
        }
    }

    /// A1: as root a wrong level passes unseen; whoever is not root is refused SO_DEBUG, and with it every connection.
    @Test func connectionsDoNotDelayAndAskForNoPrivilege() async throws {
        try await EchoServer.with { server in
            try await server.withChannel { channel in
                try await channel.expect("there", from: "Echo", "there")
                let ends = Self.connected(to: server.listener.endpoint.port)
                #expect(ends.count >= 2)
                for end in ends {
                    #expect(Self.option(SOL_SOCKET, SO_DEBUG, of: end) == 0)
                    #expect(Self.option(Int32(IPPROTO_TCP), TCP_NODELAY, of: end) != 0)
                }
            }
        }
    }
}
