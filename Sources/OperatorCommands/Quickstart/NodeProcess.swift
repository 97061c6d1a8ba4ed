// A node that a command runs: its configuration file, its process, and whether it serves.

import ClusterModel
import Glibc
package import MeridianClient
import MeridianProtocol
package import NodeEnvironment

/// One `meridiand` over its starts. Its files lie in one directory: node.yaml, node.log, and the journal in data/.
package actor NodeProcess {
    package nonisolated let directory: String
    package nonisolated let settings: NodeSettings
    /// What is executed, without the node's own arguments.
    private let command: [String]
    private let environment: NodeEnvironment
    private var child: ChildProcess?

    package nonisolated var endpoint: Endpoint { settings.api }
    package nonisolated var adminEndpoint: Endpoint { settings.admin }
    package nonisolated var journalPath: String { "\(directory)/data" }
    package nonisolated var outputPath: String { "\(directory)/node.log" }
    package nonisolated var configurationPath: String { "\(directory)/node.yaml" }

    /// Writes the configuration; starts nothing. `launcher`: a command that ends by executing what follows it.
    package init(
        binary: String, launcher: [String] = [], directory: String, settings: NodeSettings,
        environment: NodeEnvironment
    ) throws(OperatorFailure) {
        command = launcher + [binary]
        self.settings = settings
        self.directory = directory
        self.environment = environment
        do throws(FileError) {
            let file = try environment.files.open("\(directory)/node.yaml", .createOrReplace)
            defer { file.close() }
            try file.write(Array(settings.yaml(directory: directory).utf8), at: 0)
        } catch {
            throw OperatorFailure(.usage, "\(error)", nextStep: "free space in the temporary folder, or set TMPDIR")
        }
    }

    /// A node alone, on free ports. `tls`: serve with mutual TLS. `extra` is added to the configuration's section `log`
    /// as it stands.
    package init(
        binary: String, launcher: [String] = [], directory: String, environment: NodeEnvironment, tls: NodeTLS? = nil,
        extra: String = ""
    ) throws(OperatorFailure) {
        try self.init(
            binary: binary, launcher: launcher, directory: directory,
            settings: NodeSettings(tls: tls, logExtra: extra), environment: environment)
    }

    /// A client of this node.
    package nonisolated func makeClient() throws(OperatorFailure) -> MeridianClient {
        guard let region = RegionEndpoints(name: settings.region, [endpoint], security: security) else {
            throw OperatorFailure(.usage, "no endpoint")
        }
        return try Self.makeClient([region], environment)
    }

    private nonisolated var security: LinkSecurity {
        let security = settings.tls.map { LinkSecurity.mutualTLS($0.client) } ?? .plaintext
        return security.expecting(.node(of: [settings.region], in: NodeSettings.deployment))
    }

    /// A client whose waits are short: a quick start measures how long a node is away, not how long clients sleep.
    static func makeClient(
        _ regions: [RegionEndpoints], _ environment: NodeEnvironment
    ) throws(OperatorFailure) -> MeridianClient {
        var configuration = MeridianClient.Configuration()
        configuration.retry = RetryPolicy(
            firstDelay: .milliseconds(5), longestDelay: .milliseconds(50), attempts: 4_096)
        do throws(MeridianClientError) {
            return try MeridianClient(regions: regions, environment: environment, configuration: configuration)
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
        // Where this process itself hardly gets to run, time alone says nothing of the node.
        var attempts = 0
        while true {
            attempts += 1
            if let end = started.end() {
                child = nil
                throw OperatorFailure(
                    .usage, "the node ended at its start (\(end)):\n\(outputTail())",
                    nextStep: "its log is \(outputPath)")
            }
            // A node that does not answer yet is asked again until the limit.
            if let status = try? await client.status(options: once), status.state == .active { return }
            guard environment.clock.bootTime() < deadline || attempts < QuickstartLimits.leastAsks else {
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

    /// SIGSTOP: it answers nobody, and loses nothing, until `thaw()`.
    package func freeze() { child?.signal(SIGSTOP) }

    package func thaw() { child?.signal(SIGCONT) }

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
}
