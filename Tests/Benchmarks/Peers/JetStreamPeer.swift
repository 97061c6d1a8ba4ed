// NATS JetStream beside our log: one server that syncs before it acknowledges, and a client of a few lines of its protocol.

import Foundation
import NIOCore
import NIOPosix
import NodeEnvironment
import OperatorCommands

/// Lines of the server: INFO, +OK, -ERR, PING, PONG, and MSG with its payload. A request ends with the message to the inbox.
struct NATSWire: PeerProtocol {
    private var payload: Int?
    private var pings = 0

    mutating func receive(_ bytes: inout ByteBuffer) -> Result<Void, OperatorFailure>? {
        var ended: Result<Void, OperatorFailure>?
        while true {
            if let length = payload {
                guard let answer = bytes.readString(length: length + 2) else { return ended }
                payload = nil
                let isRefused = answer.contains("\"error\"")
                ended = isRefused ? .failure(OperatorFailure(.unreachable, "nats: \(answer)")) : .success(())
                continue
            }
            guard let line = bytes.readLine() else { return ended }
            let text = String(decoding: line, as: UTF8.self)
            if text.hasPrefix("MSG "), let length = text.split(separator: " ").last.flatMap({ Int($0) }) {
                payload = length
            } else if text == "PING" {
                pings += 1
            } else if text.hasPrefix("-ERR") {
                ended = .failure(OperatorFailure(.unreachable, "nats: \(text)"))
            }
        }
    }

    mutating func reply() -> ByteBuffer? {
        guard pings > 0 else { return nil }
        defer { pings = 0 }
        return ByteBuffer(string: String(repeating: "PONG\r\n", count: pings))
    }
}

/// One message of a whole batch to one subject a partition.
struct JetStreamAppender: BatchAppender {
    private static let hello =
        #"CONNECT {"verbose":false,"pedantic":false,"name":"bench","lang":"swift","version":"1"}"#

    private let socket: PeerSocket<NATSWire>
    private let request: ByteBuffer

    init(port: Int, worker: Int, plan: PeerPlan, on group: MultiThreadedEventLoopGroup) async throws {
        socket = try await PeerSocket(port: port, NATSWire(), on: group)
        let inbox = "_INBOX.bench.\(worker)"
        // A stream that is there with the same configuration is created again without an error.
        try await socket.request(
            ByteBuffer(
                string: "\(Self.hello)\r\nSUB \(inbox) 1\r\n"
                    + Self.publish("$JS.API.STREAM.CREATE.BENCH", inbox, Self.stream)))
        var request = ByteBuffer()
        let records = LogBench.records(plan.records, compressible: false).map(\.encoded)
        let payload = records.reduce(into: [UInt8]()) { $0 += $1 }
        request.writeString("PUB bench.\(worker % plan.partitions) \(inbox) \(payload.count)\r\n")
        request.writeBytes(payload)
        request.writeString("\r\n")
        self.request = request
    }

    private static let stream = #"{"name":"BENCH","subjects":["bench.>"],"storage":"file","num_replicas":1}"#

    private static func publish(_ subject: String, _ inbox: String, _ payload: String) -> String {
        "PUB \(subject) \(inbox) \(payload.utf8.count)\r\n\(payload)\r\n"
    }

    func append() async throws { try await socket.request(request) }

    func close() async { await socket.close() }
}

enum JetStreamPeer {
    static let program = "nats-server"

    /// Whether the server syncs before it acknowledges: 2.10 or later. Looks for "nats-server: v2.10.27".
    static func isFit(_ path: String, scratch: ScratchDirectory, clock: any NodeClock) async throws -> Bool {
        let output = "\(scratch.path)/nats-version"
        let process = try ChildProcess([path, "-v"], outputPath: output)
        _ = try await process.waitForEnd(within: .seconds(10), clock: clock)
        let text = try String(contentsOfFile: output, encoding: .utf8)
        let numbers = text.split(separator: "v").last?.split(separator: ".").prefix(2).compactMap { Int($0) } ?? []
        return numbers.count == 2 && (numbers[0], numbers[1]) >= (2, 10)
    }

    static func configuration(port: Int, directory: String) -> String {
        """
        listen: "127.0.0.1:\(port)"
        jetstream { store_dir: "\(directory)", sync_interval: always, max_file_store: 16GB }

        """
    }
}
