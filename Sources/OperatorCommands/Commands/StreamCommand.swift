// `meridian stream`: the consumers of a region's effects, and how far they are behind.

package import ArgumentParser
import MeridianClient
import MeridianProtocol
import NodeEnvironment

/// What is done with groups.
package struct StreamCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "stream", abstract: "Look after the consumers of effects.",
        subcommands: [StreamGroupsCommand.self, StreamForgetCommand.self])

    package init() {}
}

/// Lists the groups that a region knows.
package struct StreamGroupsCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "groups", abstract: "List a region's groups and how far they are behind.")

    @OptionGroup package var connection: ConnectionOptions
    @Flag(help: "Print one JSON object.") package var json = false

    package init() {}

    package func run() async throws {
        try await CommandRunner.run("stream groups") {
            let options = try connection.callOptions()
            try await HostRuntime.withClient(connection) { client, _ in
                let groups: [Meridian_V1_GroupStatus]
                do throws(MeridianClientError) {
                    groups = try await client.streamGroups(options: options)
                } catch {
                    throw OperatorFailure(error, doing: "asking for groups")
                }
                Console.answer(
                    json
                        ? JSONValue.object(["groups": .array(groups.map(Self.json))]).text
                        : groups.map(Self.line).joined(separator: "\n"))
            }
        }
    }

    private static func json(_ group: Meridian_V1_GroupStatus) -> JSONValue {
        .object([
            "group": .string(group.group), "topic": .string(group.topic),
            "committed_ms": .count(group.committedMs), "lag_events": .count(group.lagEvents),
            "lag_ms": .count(group.lagMs), "partitions": .count(group.partitions),
            "subscribers": .count(group.subscribers), "damaged": .boolean(group.damaged),
        ])
    }

    private static func line(_ group: Meridian_V1_GroupStatus) -> String {
        let standing =
            group.damaged
            ? "its cursor does not verify" : "\(group.lagEvents) records behind, the oldest \(group.lagMs) ms old"
        return "\(group.group) (\(group.topic)): \(standing); \(group.subscribers) subscribers"
    }
}

/// Forgets one group.
package struct StreamForgetCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "forget", abstract: "Forget a group in one region: its cursor, and its hold on the logs.")

    @Argument(help: "The group.") package var group: String
    @Option(help: "The topic that it reads.") package var topic = "user-events"
    @OptionGroup package var connection: ConnectionOptions
    @Flag(help: "Print one JSON object.") package var json = false

    package init() {}

    package func run() async throws {
        try await CommandRunner.run("stream forget") {
            let options = try connection.callOptions()
            try await HostRuntime.withClient(connection) { client, _ in
                do throws(MeridianClientError) {
                    try await client.forgetGroup(topic: topic, group: group, options: options)
                } catch {
                    throw OperatorFailure(error, doing: "forgetting the group")
                }
                Console.answer(
                    json ? JSONValue.object(["forgotten": .string(group)]).text : "forgot \(group) (\(topic))")
            }
        }
    }
}
