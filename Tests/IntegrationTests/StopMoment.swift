// One stop of a real node: its process, its callers, the disk under it, and how it ended.

import Glibc
import HostEnvironment
import MeridianClient
import MeridianProtocol
import NodeEnvironment
import Synchronization

@testable import OperatorCommands

/// A node's directory over many processes, each of which is asked to stop at some moment.
struct StoppingNode: Sendable {
    let real: RealNode
    let shim: FaultShim
    /// The disk answers no sync while this file is there.
    private var stallFile: String { "\(real.scratch.path)/stall" }

    /// `drain`: the configured `drain_timeout_ms`.
    static func with<Value>(
        drain: Int = 1_000, _ body: (StoppingNode) async throws -> Value
    ) async throws -> Value {
        try await RealNode.with(extra: "limits:\n  drain_timeout_ms: \(drain)") { real in
            let shim = try await FaultShim(
                source: BuiltExecutables.shimSource, directory: real.scratch.path, environment: real.environment)
            return try await body(StoppingNode(real: real, shim: shim))
        }
    }

    /// Starts a process and gives it to `body`; it is gone afterwards, whatever happens.
    func withProcess<Value>(_ body: (ChildProcess) async throws -> Value) async throws -> Value {
        var variables = shim.variables(covering: real.node.journalPath, seed: 1)
        variables["MERIDIAN_SHIM_STALL_FILE"] = stallFile
        let child = try ChildProcess(
            [BuiltExecutables.meridiand, "--config", real.node.configurationPath], outputPath: real.node.outputPath,
            environment: variables)
        do {
            let value = try await body(child)
            try await end(child)
            return value
        } catch {
            try await end(child)
            throw error
        }
    }

    private func end(_ child: ChildProcess) async throws {
        try resumeDisk()
        guard child.end() == nil else { return }
        child.signal(SIGKILL)
        _ = try await child.waitForEnd(within: .seconds(60), clock: real.environment.clock)
    }

    func stallDisk() throws { try real.environment.files.open(stallFile, .createOrReplace).close() }

    func resumeDisk() throws {
        if real.environment.files.exists(stallFile) { try real.environment.files.remove(stallFile) }
    }

    /// Long enough for any machine; what limits a stop is the node's own watch, which leaves its mark in the exit code.
    func waitForEnd(_ child: ChildProcess) async throws -> ChildProcess.End? {
        try await child.waitForEnd(within: .seconds(120), clock: real.environment.clock)
    }

    /// Returns once the node serves; false where its process has ended first.
    func waitUntilServing(_ child: ChildProcess, _ client: MeridianClient) async throws -> Bool {
        while child.end() == nil {
            // A node that does not answer yet is asked again.
            let status = try? await client.status(options: CallOptions(timeout: .seconds(1), retry: .never))
            if status?.state == .active { return true }
            try await real.environment.clock.sleep(for: .milliseconds(5))
        }
        return false
    }

    func pause(_ milliseconds: UInt64) async throws {
        try await real.environment.clock.sleep(for: .milliseconds(Int64(milliseconds)))
    }
}

/// Reports events of one user, one call after the other, and keeps those that were acknowledged.
final class StoppedReporter: Sendable {
    private let acknowledged = Mutex<[Meridian_V1_Interaction]>([])
    private let isOver = Atomic<Bool>(false)
    private static let user = "user-1"

    var count: Int { acknowledged.withLock(\.count) }

    func stop() { isOver.store(true, ordering: .relaxed) }

    func run(_ client: MeridianClient, clock: any NodeClock) async throws {
        isOver.store(false, ordering: .relaxed)
        while !isOver.load(ordering: .relaxed) {
            var event = Meridian_V1_Interaction()
            event.id = client.makeEventID()
            event.kind = .click
            event.contentID = "content-1"
            do throws(MeridianClientError) {
                let reply = try await client.report(
                    [event], of: Self.user, options: CallOptions(timeout: .seconds(1), retry: .never))
                if reply.results.first?.outcome == .applied { acknowledged.withLock { $0.append(event) } }
            } catch {
                try await clock.sleep(for: .milliseconds(5))
            }
        }
    }

    /// Sends all of them again: how many the node does not know. Then they are forgotten here, before their ids are too old.
    func lost(_ client: MeridianClient) async throws -> Int {
        let events = acknowledged.withLock { events in
            defer { events = [] }
            return events
        }
        var lost = 0
        for start in stride(from: 0, to: events.count, by: 256) {
            let part = Array(events[start..<min(events.count, start + 256)])
            let reply = try await client.report(part, of: Self.user, options: CallOptions(timeout: .seconds(60)))
            lost += reply.results.count { $0.outcome != .duplicate } + part.count - reply.results.count
        }
        return lost
    }
}
