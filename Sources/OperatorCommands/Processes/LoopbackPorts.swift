// Ports of the loopback interface that nobody listens on.

import Glibc

/// Free ports.
package enum LoopbackPorts {
    /// Below the range that Linux takes the ports of outgoing connections from: a port whose node is down for a moment is
    /// not given to somebody's connection meanwhile, and a client that calls it cannot meet itself.
    private static let range = 12_000..<32_000
    /// Spreads neighbouring starts over the range; prime.
    private static let stride = 7_919

    /// `count` different ports that were free just now. Another process may take one before it is used.
    package static func free(_ count: Int) throws(OperatorFailure) -> [Int] {
        var sockets: [Int32] = []
        defer { for socket in sockets { close(socket) } }
        let first = try open(0, &sockets).map { $0 * stride } ?? 0
        var ports: [Int] = []
        for step in 0..<range.count where ports.count < count {
            let port = range.lowerBound + (first + step) % range.count
            if try open(port, &sockets) != nil { ports.append(port) }
        }
        guard ports.count == count else {
            throw OperatorFailure(.usage, "127.0.0.1 has no \(count) free ports in \(range)")
        }
        return ports
    }

    /// Binds and keeps `port`, or one of the kernel's choice for 0; nil where it is taken.
    private static func open(_ port: Int, _ sockets: inout [Int32]) throws(OperatorFailure) -> Int? {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw OperatorFailure(.usage, "no socket (errno \(errno))") }
        sockets.append(socket)
        return bound(socket, to: port)
    }

    private static func bound(_ socket: Int32, to port: Int) -> Int? {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        address.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                unsafe bind(socket, generic, length) == 0 && getsockname(socket, generic, &length) == 0
            }
        }
        return isBound ? Int(UInt16(bigEndian: address.sin_port)) : nil
    }
}
