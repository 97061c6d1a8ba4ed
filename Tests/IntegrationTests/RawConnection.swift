// A socket without a protocol, for input that no client of ours would send.

import Glibc

/// A blocking connection to a port of the loopback interface.
final class RawConnection {
    struct Refused: Error {}

    private let descriptor: Int32

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        address.sin_port = UInt16(port).bigEndian
        let socket = descriptor
        let answer = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard answer == 0 else { throw Refused() }
    }

    func send(_ bytes: [UInt8]) {
        _ = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    }

    /// Reads until the peer closes or nothing comes for `limit`.
    func text(withinMilliseconds limit: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        var bytes: [UInt8] = []
        while bytes.count < 1 << 20 {
            var query = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&query, 1, limit) > 0 else { break }
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            bytes += buffer.prefix(count)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Reads and drops until the peer closes or resets.
    func isClosedByPeer(withinMilliseconds limit: Int32) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        var rounds = 0
        while rounds < 1_000 {
            rounds += 1
            var query = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&query, 1, limit) > 0 else { return false }
            if recv(descriptor, &buffer, buffer.count, 0) <= 0 { return true }
        }
        return false
    }

    func close() { _ = Glibc.close(descriptor) }
}
