// Ports of the loopback interface that nobody listens on.

import Glibc

/// Free ports, chosen by the kernel.
package enum LoopbackPorts {
    /// `count` different ports that were free just now. Another process may take one before it is used: callers that
    /// fail to bind ask again.
    package static func free(_ count: Int) throws(OperatorFailure) -> [Int] {
        var sockets: [Int32] = []
        defer { for socket in sockets { close(socket) } }
        var ports: [Int] = []
        for _ in 0..<count {
            let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            guard socket >= 0 else { throw OperatorFailure(.usage, "no socket (errno \(errno))") }
            sockets.append(socket)
            guard let port = bound(socket) else {
                throw OperatorFailure(.usage, "127.0.0.1 cannot be bound (errno \(errno))")
            }
            ports.append(port)
        }
        return ports
    }

    private static func bound(_ socket: Int32) -> Int? {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                unsafe bind(socket, generic, length) == 0 && getsockname(socket, generic, &length) == 0
            }
        }
        return isBound ? Int(UInt16(bigEndian: address.sin_port)) : nil
    }
}
