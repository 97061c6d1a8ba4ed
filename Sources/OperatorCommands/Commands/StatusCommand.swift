// `meridian status`: what a node is and does.

package import ArgumentParser
import ClusterModel
import MeridianClient
package import MeridianProtocol
import NodeEnvironment

/// Asks a node once, or again and again.
package struct StatusCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show what a node is and does.",
        discussion: "Exit code 1 when the node does not serve users, 3 when it does not answer.")

    @OptionGroup package var connection: ConnectionOptions
    @Flag(help: "Print one JSON object; with --watch one a line.") package var json = false
    @Flag(help: "Ask again every second until interrupted.") package var watch = false

    package init() {}

    package func run() async throws {
        try await CommandRunner.run("status") {
            let options = try connection.callOptions()
            try await HostRuntime.withClient(connection) { client, environment in
                while true {
                    let reply = try await Self.ask(client, options)
                    Console.answer(json ? Self.answer(reply).text : Self.summary(reply))
                    guard watch else {
                        if reply.state != .active { throw ExitCode(ExitStatus.doesNotHold.rawValue) }
                        return
                    }
                    try await environment.clock.sleep(for: .seconds(1))
                }
            }
        }
    }

    static func ask(
        _ client: MeridianClient, _ options: CallOptions
    ) async throws(OperatorFailure) -> Meridian_V1_StatusReply {
        do throws(MeridianClientError) {
            return try await client.status(options: options)
        } catch {
            throw OperatorFailure(error, doing: "asking for the status")
        }
    }

    /// The keys of the command's JSON object.
    package static func answer(_ reply: Meridian_V1_StatusReply) -> JSONValue {
        .object([
            "state": .string(reply.state.word), "deployment": .string(reply.deployment),
            "region": .string(reply.regionName), "region_number": .count(reply.region), "node": .string(reply.node),
            "version": .string(reply.version), "uptime_ms": .count(reply.uptimeMs),
            "partitions": .count(reply.partitions), "users": .count(reply.users),
            "indexed_ids": .count(reply.indexedIds), "unflushed_records": .count(reply.unflushedRecords),
            "server_time_ms": .count(reply.serverTimeMs),
        ])
    }

    private static func summary(_ reply: Meridian_V1_StatusReply) -> String {
        """
        \(reply.node) of region \(reply.regionName) (\(reply.region)), deployment \(reply.deployment): \
        \(reply.state.word), up \(reply.uptimeMs / 1_000) s, version \(reply.version)
        \(reply.users) users in \(reply.partitions) partitions, \(reply.indexedIds) event ids remembered, \
        \(reply.unflushedRecords) records wait for the disk
        """
    }
}

extension Meridian_V1_NodeState {
    /// The state as answers and summaries write it.
    package var word: String {
        switch self {
        case .starting: "starting"
        case .active: "active"
        case .draining: "draining"
        default: "unknown"
        }
    }
}
