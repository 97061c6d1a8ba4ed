// h2load as the driver: the same client for every server.

import Foundation
import NodeEnvironment
import OperatorCommands

/// One run of h2load with one thread.
struct H2Load {
    struct Outcome {
        var succeeded: UInt64 = 0
        var failed: UInt64 = 0
        var requestsPerSecond: Double = 0
        /// Of all answered requests, in order; empty unless asked for.
        var sortedMicroseconds: [UInt64] = []

        func quantile(_ fraction: Double) -> Double {
            guard let last = sortedMicroseconds.indices.last else { return 0 }
            return Double(sortedMicroseconds[min(last, Int(Double(last + 1) * fraction))])
        }
    }

    /// It went on after its time: connections that were not made by then are never told to stop.
    struct Overrun: Error {}

    /// What ends a run.
    enum Extent {
        case duration(Duration)
        case requests(Int)
        /// At `rate` requests a second over all connections, however long the answers take.
        case paced(rate: Int, Duration)
    }

    var connections: Int
    var streams: Int
    var extent: Extent
    var logsLatency = false

    func run(_ url: String, files: EchoFiles, environment: NodeEnvironment) async throws -> Outcome {
        let name = "\(files.directory)/h2load-\(UUID().uuidString)"
        let latencyPath = "\(name).latency"
        var arguments = [
            try Tools.path("h2load"), "-t", "1", "-c", "\(connections)", "-m", "\(streams)", "-d", files.request, "-H",
            "content-type: application/grpc", "-H", "te: trailers",
        ]
        arguments += extentArguments + (logsLatency ? ["--log-file", latencyPath] : []) + [url]
        let process = try ChildProcess(arguments, outputPath: "\(name).log")
        guard let end = try await process.waitForEnd(within: limit, clock: environment.clock) else {
            process.signal(SIGKILL)
            // Killed processes end; the wait only reaps.
            _ = try? await process.waitForEnd(within: .seconds(5), clock: environment.clock)
            throw Overrun()
        }
        guard end == .exited(0) else {
            throw OperatorFailure(.unreachable, "h2load failed; see \(name).log")
        }
        let text = String(decoding: try Data(contentsOf: URL(filePath: "\(name).log")), as: UTF8.self)
        var outcome = Self.parse(text)
        if logsLatency { outcome.sortedMicroseconds = try Self.latencies(latencyPath) }
        return outcome
    }

    private var limit: Duration {
        switch extent {
        case .requests: .seconds(300)
        case .duration(let duration), .paced(_, let duration): duration + .seconds(10)
        }
    }

    private var extentArguments: [String] {
        switch extent {
        case .duration(let duration): ["-D", Self.text(duration)]
        case .requests(let count): ["-n", "\(max(count, connections))"]
        case .paced(let rate, let duration): ["-D", Self.text(duration), "--rps", "\(rate / connections)"]
        }
    }

    private static func text(_ duration: Duration) -> String { "\(max(1, Int(duration / .milliseconds(1))))ms" }

    /// Reads "finished in 1.0s, 14377.0 req/s, …" and "requests: … 14377 succeeded, 0 failed, …".
    static func parse(_ text: String) -> Outcome {
        var outcome = Outcome()
        for line in text.split(separator: "\n") {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "," })
            func number(before word: Substring) -> Double? {
                words.firstIndex(of: word).flatMap { $0 > 0 ? Double(words[$0 - 1]) : nil }
            }
            if line.hasPrefix("finished in") { outcome.requestsPerSecond = number(before: "req/s") ?? 0 }
            if line.hasPrefix("requests:") {
                outcome.succeeded = UInt64(number(before: "succeeded") ?? 0)
                outcome.failed = UInt64(number(before: "failed") ?? 0)
            }
        }
        return outcome
    }

    /// The third column of h2load's log: microseconds until the end of the answer.
    private static func latencies(_ path: String) throws -> [UInt64] {
        let text = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
        return text.split(separator: "\n").compactMap { line in
            line.split(separator: "\t").dropFirst(2).first.flatMap { UInt64($0) }
        }.sorted()
    }
}
