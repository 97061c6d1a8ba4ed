// The node's executable: arguments, the real environment, signals, exit codes.

import ArgumentParser
import Foundation
import Glibc
import HostEnvironment
import Logging
import MeridianNode
import NodeEnvironment
import RPCTransport
import UnixSignals

@main
struct Meridiand {
    static func main() { ProcessEntry.run("meridiand", refusing: NodeCommand.refused) { await NodeCommand.main() } }
}

/// One process of a node.
struct NodeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "meridiand", abstract: "Run a Meridian node.",
        discussion: """
            SIGTERM and SIGINT stop the node at any moment, also while it starts; one that serves is drained first, for \
            limits.drain_timeout_ms and at most 5 s more. A second such signal, 0.1 s or more after the first, ends it at \
            once. SIGHUP reads the configuration again: access rules, token keys, and the certificates, keys and revocation \
            lists that tls names, are in force then; of all else it says what needs a restart. \
            Exit codes: 0 stopped, 2 usage or configuration, 4 refused or stopped by itself, 5 ended without finishing (a second \
            signal, or the limit of a stop): what was acknowledged is on the disk, and the next start verifies it.
            """,
        version: MeridianNode.version)

    @Option(name: .customLong("config"), help: "The node's configuration, a YAML file; see Config/.")
    var path: String

    @Flag(
        help: """
            Check the configuration, the certificates, what the machine grants, whose the data directory is, its rights \
            and its room, and exit. Changes nothing; says so where a start would be the first one in the directory.
            """)
    var check = false

    @Flag(help: "Start with what precedes damage in the journal instead of refusing to; what follows it is lost here.")
    var acceptCorruption = false

    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel = "notice"

    /// As ArgumentParser's, with the exit code that the table promises for usage.
    static func main() async {
        do {
            var command = try parse()
            try await command.run()
        } catch  where exitCode(for: error) == .validationFailure {
            var output = StandardError()
            print(fullMessage(for: error), to: &output)
            Glibc.exit(2)
        } catch {
            exit(withError: error)
        }
    }

    mutating func run() async throws {
        let node = try readConfiguration()
        if check { return try check(node) }
        guard let level = Logger.Level(rawValue: logLevel) else {
            throw failure("--log-level \(logLevel): not a level", status: 2)
        }
        LoggingSystem.bootstrap { label in StreamLogHandler.standardError(label: label) }
        var logger = Logger(label: "meridiand")
        logger.logLevel = level
        let shares = try shares(node)
        if let warning = shares.warning { logger.warning("fewer connections", metadata: ["reason": "\(warning)"]) }
        // Before anything else: without somebody who listens, this signal ends a process.
        let hangups = await UnixSignalsSequence(trapping: .sighup)
        let pool = EventLoopPool(count: node.limits.loops)
        let damage = FileDamage { [logger] what in
            logger.error("a stored copy does not verify; see Runbooks/log-corruption.md", metadata: ["file": "\(what)"])
        }
        let environment = NodeEnvironment(
            clock: HostClock(), entropy: HostEntropy(), executors: pool, files: HostFileStore(damage: damage),
            links: SocketLinks(pool: pool, limits: Self.transportLimits(shares)))
        let service = MeridianNode(
            node, environment: environment, logger: logger, acceptsCorruption: acceptCorruption,
            maxMeshConnections: shares.meshConnections)
        let reload = ConfigurationReload(
            at: hangups, of: service, running: node, path: path, files: environment.files, logger: logger)
        do {
            try TerminationWatch(
                limit: node.limits.drainTimeout + MeridianNode.stopMargin, status: Self.unfinished, name: "meridiand",
                onRequest: { service.requestStop() })
            try await Self.serve(service, reload)
        } catch {
            logger.critical("not running", metadata: ["error": "\(error)"])
            let isUnfinished = (error as? NodeError)?.code == .stopUnfinished
            throw ExitCode(isUnfinished ? Self.unfinished : Self.refused)
        }
        try await pool.shutDown()
    }

    private static let unfinished: Int32 = 5
    static let refused: Int32 = 4

    private static func serve(
        _ service: MeridianNode, _ reload: ConfigurationReload<UnixSignalsSequence>
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await reload.run() }
            defer { group.cancelAll() }
            try await service.run()
        }
    }

    private func readConfiguration() throws -> NodeConfiguration {
        do {
            return try NodeConfiguration(path: path, files: HostFileStore())
        } catch {
            throw failure("\(error)", status: 2)
        }
    }

    /// What a start would find out, without changing anything.
    private func check(_ node: NodeConfiguration) throws {
        try checkCredentials(node)
        try checkKeys(node)
        _ = try shares(node)
        do {
            guard let first = try FirstStart.look(node, files: HostFileStore()) else { return }
            print("meridiand: \(first)")
        } catch {
            throw failure("\(path): \(error)", status: Self.refused)
        }
    }

    /// Files that cannot be used, are another's, or are past their date.
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

    /// Keys that a start could not use; and what it would only warn of.
    private func checkKeys(_ node: NodeConfiguration) throws {
        let files = HostFileStore()
        do throws(NodeError) {
            try TokenKeyFiles(files: files).verify(node.tokenKeys)
        } catch {
            throw failure("\(path): \(error)", status: 2)
        }
        for warning in node.warnings + SecretFiles(node).warnings(files: files) {
            var output = StandardError()
            print("meridiand: warning: \(warning)", to: &output)
        }
    }

    /// What the system grants, shared out before anything is opened.
    private func shares(_ node: NodeConfiguration) throws -> ResourceShares {
        let loops = node.limits.loops > 0 ? node.limits.loops : EventLoopPool.cores
        do {
            let shares = try ResourceShares(
                MachineLimits.raised(files: HostFileStore()), configuration: node, loops: loops)
            try ResourceShares.checkFileLength(node, longest: MachineLimits.longestFile)
            try ResourceShares.checkThreads(loops: loops, hasRoom: MachineLimits.hasRoom(forThreads:))
            return shares
        } catch {
            throw failure("\(error)", status: Self.refused)
        }
    }

    private static func transportLimits(_ shares: ResourceShares) -> TransportLimits {
        var limits = TransportLimits()
        limits.maxConnections = shares.connections
        limits.maxConnectionsOfOne = shares.connectionsOfOne
        limits.maxWaitingConnections = ResourceShares.waiting
        limits.maxPageConnections = ResourceShares.pages
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
