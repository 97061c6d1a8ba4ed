// Redis Streams beside our log: a server that syncs before it answers, and a client of a few lines of RESP.

import Foundation
import NIOCore
import NIOPosix
import NodeEnvironment
import OperatorCommands

/// Counts simple answers: "+…", "-…", ":…", and bulk strings "$n" with the line that follows.
struct RedisWire: PeerProtocol {
    let answers: Int
    private var missing: Int
    private var isInBulk = false
    private var failure: OperatorFailure?

    /// `answers`: of one request.
    init(answers: Int) {
        self.answers = answers
        missing = answers
    }

    mutating func receive(_ bytes: inout ByteBuffer) -> Result<Void, OperatorFailure>? {
        while let line = bytes.readLine() {
            if isInBulk {
                isInBulk = false
                missing -= 1
            } else if line.first == UInt8(ascii: "$") {
                isInBulk = true
            } else {
                if line.first == UInt8(ascii: "-") {
                    failure = OperatorFailure(.unreachable, "redis: \(String(decoding: line, as: UTF8.self))")
                }
                missing -= 1
            }
        }
        guard missing <= 0 else { return nil }
        missing = answers
        defer { failure = nil }
        return failure.map { .failure($0) } ?? .success(())
    }

    mutating func reply() -> ByteBuffer? { nil }
}

extension ByteBuffer {
    /// The next line, without its CR LF; nil while it is not whole.
    mutating func readLine() -> ArraySlice<UInt8>? {
        let view = readableBytesView
        guard let end = view.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        let line = Array(view[view.startIndex..<end])
        moveReaderIndex(forwardBy: line.count + 1)
        return line.last == UInt8(ascii: "\r") ? line.dropLast() : line[...]
    }
}

/// A pipeline of XADDs to one stream a partition.
struct RedisAppender: BatchAppender {
    private let socket: PeerSocket<RedisWire>
    private let request: ByteBuffer

    init(port: Int, worker: Int, plan: PeerPlan, on group: MultiThreadedEventLoopGroup) async throws {
        socket = try await PeerSocket(port: port, RedisWire(answers: plan.records), on: group)
        let key = "log:\(worker % plan.partitions)"
        var request = ByteBuffer()
        for record in LogBench.records(plan.records, compressible: false) {
            let parts = [
                Array("XADD".utf8), Array(key.utf8), Array("*".utf8), Array("r".utf8), record.encoded,
            ]
            request.writeString("*\(parts.count)\r\n")
            for part in parts {
                request.writeString("$\(part.count)\r\n")
                request.writeBytes(part)
                request.writeString("\r\n")
            }
        }
        self.request = request
    }

    func append() async throws { try await socket.request(request) }

    func close() async { await socket.close() }
}

enum RedisPeer {
    static let program = "redis-server"

    static func arguments(_ path: String, port: Int, directory: String) -> [String] {
        [
            path, "--port", "\(port)", "--bind", "127.0.0.1", "--dir", directory, "--appendonly", "yes",
            "--appendfsync", "always", "--save", "", "--auto-aof-rewrite-percentage", "0", "--daemonize", "no",
        ]
    }
}
