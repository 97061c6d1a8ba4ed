// A node's process and directory from outside: metrics page, memory, descriptors, files.

import Foundation
import Glibc
import NodeEnvironment
import OperatorCommands

/// The metrics page of a node's admin port, as it was at one moment.
struct MetricsView: Sendable {
    private static let patience: Int32 = 10_000
    private static let longest = 4 << 20

    private let lines: [Substring]

    /// Blocks for as long as the node takes. Throws where it does not answer.
    init(_ endpoint: Endpoint) throws(OperatorFailure) {
        let text = try Self.fetch(endpoint)
        guard text.hasPrefix("HTTP/1.1 200") else {
            throw OperatorFailure(.unreachable, "no metrics from \(endpoint): \(text.prefix(80))")
        }
        lines = text.split(whereSeparator: \.isNewline)
    }

    /// 0 for a series that is not there. `labels` as the page writes them.
    func value(_ name: String, _ labels: String = "") -> Double {
        let start = labels.isEmpty ? "\(name) " : "\(name){\(labels)} "
        return lines.first { $0.hasPrefix(start) }.flatMap { Double($0.dropFirst(start.count)) } ?? 0
    }

    /// Of the listener for other regions.
    func mesh(_ name: String) -> Double { value("meridian_link_\(name)", "listener=\"mesh\"") }

    private static func fetch(_ endpoint: Endpoint) throws(OperatorFailure) -> String {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        address.sin_port = UInt16(truncatingIfNeeded: endpoint.port).bigEndian
        let answer = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard answer == 0 else { throw OperatorFailure(.unreachable, "\(endpoint) does not answer (errno \(errno))") }
        let request = Array("GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".utf8)
        _ = request.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var bytes: [UInt8] = []
        while bytes.count < longest {
            var query = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&query, 1, patience) > 0 else { break }
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            bytes += buffer.prefix(count)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// The files of a node's data directory.
struct DirectoryView: Sendable {
    private(set) var bytes: UInt64 = 0
    private(set) var files = 0
    /// Ends and what was promised about them: lineage and seal books.
    private(set) var lineageBytes: UInt64 = 0
    /// Names of what was trimmed.
    private(set) var basesBytes: UInt64 = 0
    private(set) var snapshotBytes: UInt64 = 0
    /// What a bootstrap has fetched and not taken over yet.
    private(set) var stagedBytes: UInt64 = 0

    /// Files that go meanwhile count or not.
    init(_ directory: String) {
        let manager = FileManager.default
        for name in (try? manager.subpathsOfDirectory(atPath: directory)) ?? [] {
            guard let facts = try? manager.attributesOfItem(atPath: "\(directory)/\(name)"),
                facts[.type] as? FileAttributeType == .typeRegular, let size = facts[.size] as? NSNumber
            else { continue }
            count(name, size.uint64Value)
        }
    }

    private mutating func count(_ name: String, _ size: UInt64) {
        bytes += size
        files += 1
        if name.hasPrefix("lineage-") || name.hasPrefix("seals-") || name.hasPrefix("ends") { lineageBytes += size }
        if name.hasPrefix("trimmed-") { basesBytes += size }
        if name.hasPrefix("snapshots/") { snapshotBytes += size }
        if name.hasPrefix("bootstrap/") { stagedBytes += size }
    }
}

/// What a process has open; 0 for one that has ended.
enum OpenDescriptors {
    static func count(of process: Int32) -> Int {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd")) ?? []).count
    }
}

/// What a node has logged.
enum LoggedErrors {
    /// Lines of the levels "error" and "critical".
    static func count(_ path: String) -> Int {
        // A log that cannot be read says nothing.
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").count { line in
            let level = line.split(separator: " ", maxSplits: 2).dropFirst().first
            return level == "error" || level == "critical"
        }
    }
}
