// A node that a command runs: its configuration file, its process, and whether it serves.

import ClusterModel
import Glibc
package import MeridianClient
import MeridianProtocol
package import NodeEnvironment

/// Files of a node that serves with TLS, and of the client that asks it.
package struct NodeTLS: Hashable, Sendable {
    package var node: TLSIdentity
    package var client: TLSIdentity

    package init(node: TLSIdentity, client: TLSIdentity) {
        self.node = node
        self.client = client
    }
}

/// One `meridiand` over its starts. Its files lie in one directory: node.yaml, node.log, and the journal in data/.
package actor NodeProcess {
    package nonisolated let directory: String
    package nonisolated let endpoint: Endpoint
    package nonisolated let adminEndpoint: Endpoint
    /// What is executed, without the node's own arguments.
    private let command: [String]
    private let tls: NodeTLS?
    private let environment: NodeEnvironment
    private var child: ChildProcess?

    package nonisolated var journalPath: String { "\(directory)/data" }
    package nonisolated var outputPath: String { "\(directory)/node.log" }
    package nonisolated var configurationPath: String { "\(directory)/node.yaml" }

    /// Chooses free ports and writes the configuration; starts nothing. `launcher`: a command that ends by
    /// executing what follows it. `tls`: serve with mutual TLS. `extra` is added to
    /// the configuration's section `log` as it stands.
    package init(
        binary: String, launcher: [String] = [], directory: String, environment: NodeEnvironment, tls: NodeTLS? = nil,
        extra: String = ""
    ) throws(OperatorFailure) {
        let ports = try LoopbackPorts.free(2)
        command = launcher + [binary]
        self.tls = tls
        self.directory = directory
        self.environment = environment
        endpoint = Endpoint(host: "127.0.0.1", port: ports[0])
        adminEndpoint = Endpoint(host: "127.0.0.1", port: ports[1])
        let text =
            Self.configuration(
                directory: directory, api: endpoint, admin: adminEndpoint, extra: extra, tls: tls?.node)
        do throws(FileError) {
            let file = try environment.files.open("\(directory)/node.yaml", .createOrReplace)
            defer { file.close() }
            try file.write(Array(text.utf8), at: 0)
        } catch {
            throw OperatorFailure(.usage, "\(error)", nextStep: "free space in the temporary folder, or set TMPDIR")
        }
    }

    /// A client of this node.
    package nonisolated func makeClient() throws(OperatorFailure) -> MeridianClient {
        guard let region = RegionEndpoints([endpoint], security: tls.map { .mutualTLS($0.client) } ?? .plaintext) else {
            throw OperatorFailure(.usage, "no endpoint")
        }
        var configuration = MeridianClient.Configuration()
        // Short waits: a quick start measures how long the node is away, not how long its clients sleep.
        configuration.retry = RetryPolicy(
            firstDelay: .milliseconds(5), longestDelay: .milliseconds(50), attempts: 4_096)
        do throws(MeridianClientError) {
            return try MeridianClient(region: region, environment: environment, configuration: configuration)
        } catch {
            throw OperatorFailure(error, doing: "connecting to the node")
        }
    }

    /// Starts the process and returns once it serves. `variables` go into its environment.
    package func start(_ variables: [String: String] = [:]) async throws {
        let started = try ChildProcess(
            command + ["--config", configurationPath], outputPath: outputPath, environment: variables)
        child = started
        let client = try makeClient()
        do {
            try await waitUntilServing(started, client)
            await client.close()
        } catch {
            await client.close()
            throw error
        }
    }

    private func waitUntilServing(_ started: ChildProcess, _ client: MeridianClient) async throws {
        let deadline = environment.clock.bootTime().advanced(by: QuickstartLimits.start)
        let once = CallOptions(timeout: .seconds(1), retry: .never)
        while true {
            if let end = started.end() {
                child = nil
                throw OperatorFailure(
                    .usage, "the node ended at its start (\(end)):\n\(outputTail())",
                    nextStep: "its log is \(outputPath)")
            }
            // A node that does not answer yet is asked again until the limit.
            if let status = try? await client.status(options: once), status.state == .active { return }
            guard environment.clock.bootTime() < deadline else {
                throw OperatorFailure(
                    .unreachable, "the node does not serve after \(QuickstartLimits.start)",
                    nextStep: "its log is \(outputPath)")
            }
            try await environment.clock.sleep(for: .milliseconds(5))
        }
    }

    /// The process id; nil when it does not run.
    package var identifier: Int32? { child?.identifier }

    package var isRunning: Bool { child.map { $0.end() == nil } ?? false }

    /// SIGKILL, and returns once the process is gone. Nothing to do when it does not run.
    package func kill() async throws {
        child?.signal(SIGKILL)
        try await waitForDeath()
    }

    /// Returns once the process has ended by itself or by a fault that was planted; nil when it lives on.
    package func waitForDeath() async throws {
        guard let child else { return }
        guard try await child.waitForEnd(within: QuickstartLimits.death, clock: environment.clock) != nil else {
            throw OperatorFailure(.unreachable, "process \(child.identifier) does not end")
        }
        self.child = nil
    }

    /// SIGTERM; returns once the node has drained and ended. Throws `.doesNotHold` when it ended with an error.
    package func stop() async throws {
        guard let child else { return }
        child.signal(SIGTERM)
        guard let end = try await child.waitForEnd(within: QuickstartLimits.stop, clock: environment.clock) else {
            throw OperatorFailure(
                .doesNotHold, "the node does not stop within \(QuickstartLimits.stop)",
                nextStep: "its log is \(outputPath)")
        }
        self.child = nil
        guard end == .exited(0) else {
            throw OperatorFailure(
                .doesNotHold, "the node stopped with \(end):\n\(outputTail())", nextStep: "its log is \(outputPath)")
        }
    }

    /// Resident bytes of the process; nil when it does not run.
    package func residentBytes() -> UInt64? { child?.residentBytes(files: environment.files) }

    /// For the end of a command, whatever happened: no process is left behind.
    package func end() {
        child?.signal(SIGKILL)
        // Reaped so that no zombie is left; a kill cannot be refused, so a short wait is enough.
        for _ in 0..<1_000 where child?.end() == nil && child != nil { usleep(1_000) }
        child = nil
    }

    /// The last lines of the node's log, for a message.
    package nonisolated func outputTail(lines: Int = 8) -> String {
        // A log that cannot be read has no last lines.
        guard let file = try? environment.files.open(outputPath, .read), let length = try? file.length() else {
            return ""
        }
        defer { file.close() }
        let count = min(length, 16 << 10)
        // As above.
        let bytes = (try? file.read(at: length - count, count: Int(count))) ?? []
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").suffix(lines).joined(separator: "\n")
    }

    private static func configuration(
        directory: String, api: Endpoint, admin: Endpoint, extra: String, tls: TLSIdentity?
    ) -> String {
        var lines = [
            "# Written by meridian quickstart.", "deployment:", "  id: quickstart", "  partitions: 64", "region:",
            "  name: local", "  number: 1", "node:", "  name: node-1", "listen:", "  api: \(api)",
            "  admin: \(admin)",
        ]
        if let tls {
            lines += [
                "tls:", "  ca: \(tls.authorityPath)", "  certificate: \(tls.certificatePath)",
                "  key: \(tls.keyPath)",
            ]
        }
        return (lines + ["log:", "  directory: \(directory)/data", extra]).joined(separator: "\n")
    }
}
