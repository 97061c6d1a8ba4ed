// Programs of the system that measure beside us.

import Foundation
import Glibc
import OperatorCommands

enum Tools {
    private static let packages = [
        "h2load": "nghttp2-client", "nghttpd": "nghttp2-server", "taskset": "util-linux",
    ]
    /// Where the distribution's own package will not do: 2.9 acknowledges before it syncs.
    private static let instructions = [
        "nats-server": "put nats-server 2.10 or later on the PATH (apt-get download it from Debian 13, dpkg -x)"
    ]
    private static let directories = ["/usr/local/bin", "/usr/bin", "/usr/sbin"]

    static func isInstalled(_ name: String) -> Bool { find(name) != nil }

    /// Where `name` lies; fails with the command that installs it.
    static func path(_ name: String) throws(OperatorFailure) -> String {
        guard let path = find(name) else {
            throw OperatorFailure(.usage, "\(name) is not installed", nextStep: installation(of: name))
        }
        return path
    }

    static func installation(of name: String) -> String {
        instructions[name] ?? "apt-get install \(packages[name] ?? name)"
    }

    private static func find(_ name: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return (directories + path.split(separator: ":").map(String.init)).map { "\($0)/\(name)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}

extension LoopbackPorts {
    /// Whether somebody accepts connections on `port` of 127.0.0.1.
    static func isListening(_ port: Int) -> Bool {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { return false }
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        address.sin_port = in_port_t(port).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
