// The node's executable: arguments, the real environment, signals, exit codes.

import ArgumentParser
import Foundation
import HostEnvironment
import Logging
import MeridianNode
import NodeEnvironment
import RPCTransport
import ServiceLifecycle
import UnixSignals

@main
struct Meridiand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "meridiand", abstract: "Run a Meridian node.",
        discussion: """
            SIGTERM and SIGINT drain the node and stop it; SIGHUP reads its access rules, certificates, keys and revocation \
            lists again. \
            Exit codes: 0 stopped, 2 configuration, 4 refused.
            """,
        version: MeridianNode.version)

    @Option(name: .customLong("config"), help: "The node's configuration, a YAML file; see Config/.")
    var path: String

    @Flag(help: "Check the configuration and exit.")
    var check = false

    @Flag(help: "Start with what precedes damage in the journal instead of refusing to; what follows it is lost here.")
    var acceptCorruption = false

    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel = "notice"

    mutating func run() async throws {
        let node = try readConfiguration()
        if check { return try checkCredentials(node) }
        guard let level = Logger.Level(rawValue: logLevel) else {
            throw failure("--log-level \(logLevel): not a level", status: 2)
        }
        LoggingSystem.bootstrap { label in StreamLogHandler.standardError(label: label) }
        var logger = Logger(label: "meridiand")
        logger.logLevel = level
        // Before anything else: without somebody who listens, this signal ends a process.
        let hangups = await UnixSignalsSequence(trapping: .sighup)
        let pool = EventLoopPool(count: node.limits.loops)
        let environment = NodeEnvironment(
            clock: HostClock(), entropy: HostEntropy(), executors: pool, files: HostFileStore(),
            links: SocketLinks(pool: pool, limits: Self.transportLimits(node)))
        let service = MeridianNode(
            node, environment: environment, logger: logger, acceptsCorruption: acceptCorruption)
        let access = AccessReload(service, running: node, path: path, files: environment.files, logger: logger)
        let reload = CredentialReload(
            at: hangups, links: environment.links, watch: service.credentials, logger: logger
        ) { access() }
        let group = ServiceGroup(
            services: [service, reload], gracefulShutdownSignals: [.sigterm, .sigint],
            logger: Logger(label: "lifecycle"))
        do {
            try await group.run()
        } catch {
            logger.critical("not running", metadata: ["error": "\(error)"])
            throw ExitCode(4)
        }
        try await pool.shutDown()
    }

    private func readConfiguration() throws -> NodeConfiguration {
        do {
            return try NodeConfiguration(path: path, files: HostFileStore())
        } catch {
            throw failure("\(error)", status: 2)
        }
    }

    /// What a start would find out: files that cannot be used, are another's, or are past their date.
    private func checkCredentials(_ node: NodeConfiguration) throws {
        guard let check = CredentialCheck(node), let identity = node.tls else { return }
        do throws(LinkError) {
            let facts = try CredentialInspection.read(identity)
            guard let problem = check.problem(with: facts, at: HostClock().wallTime()) else { return }
            throw LinkError(.badCertificate, problem)
        } catch {
            throw failure("\(path): tls: \(error)", status: 2)
        }
    }

    private static func transportLimits(_ node: NodeConfiguration) -> TransportLimits {
        var limits = TransportLimits()
        limits.maxConnections = node.limits.connections
        return limits
    }

    private func failure(_ message: String, status: Int32) -> ExitCode {
        var output = StandardError()
        print("meridiand: \(message)", to: &output)
        return ExitCode(status)
    }
}

/// Standard error as a stream of text.
private struct StandardError: TextOutputStream {
    mutating func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
