// `meridian access check|list`: what the rules of a node's configuration allow, without asking a node.

package import ArgumentParser
import HostEnvironment
import MeridianNode

/// Groups the commands about access.
package struct AccessCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "access", abstract: "Show what a node's access rules allow.",
        subcommands: [AccessCheckCommand.self, AccessListCommand.self])

    package init() {}
}

/// May this one do that?
package struct AccessCheckCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Say whether an identity may call a method.",
        discussion: """
            Reads the rules in a node's configuration; no node is asked. Exit code 0 when the call is allowed, 1 when it is \
            refused.
            """)

    @Argument(help: ArgumentHelp("The URI SAN of a certificate.", valueName: "meridian://DEPLOYMENT/client/NAME"))
    package var identity: String
    @Argument(help: "A method, as Publish, CatalogService/Publish or its whole path.") package var method: String
    @Option(help: ArgumentHelp("The node's configuration.", valueName: "file"))
    package var config = AccessListCommand.standardConfiguration
    @Option(help: "The group of consumers that is meant.") package var group: String?
    @Option(help: "The topic that the group reads.") package var topic = "user-events"
    @Flag(help: "Print one JSON object.") package var json = false

    package init() {}

    package func run() async throws {
        try await CommandRunner.run("access check") {
            guard identity.hasPrefix("meridian://") else {
                throw OperatorFailure(
                    .usage, "\(identity) is no identity", nextStep: "give it as meridian://DEPLOYMENT/client/NAME")
            }
            let configuration = try AccessListCommand.read(config)
            let answer: AccessAnswer
            do throws(AccessQuestionError) {
                answer = try configuration.access(of: identity, to: method, group: group, topic: topic)
            } catch {
                throw OperatorFailure(.usage, "\(error)", nextStep: "meridian access list names the methods")
            }
            Console.answer(json ? answer.json.text : answer.text)
            if !answer.isAllowed { throw ExitCode(ExitStatus.doesNotHold.rawValue) }
        }
    }
}

/// The table of methods, and a node's rules.
package struct AccessListCommand: AsyncParsableCommand {
    static let standardConfiguration = "/etc/meridian/node.yaml"

    package static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List methods with the roles that they need, and a node's rules.")

    @Option(help: ArgumentHelp("The node's configuration; without it methods only.", valueName: "file"))
    package var config: String?
    @Flag(help: "Print one JSON object.") package var json = false

    package init() {}

    package func run() async throws {
        try await CommandRunner.run("access list") {
            let rules = try config.map { try Self.read($0).accessRules }
            let methods = NodeConfiguration.accessRequirements
            guard !json else {
                let rows = methods.map { row in
                    JSONValue.object(["method": .string(row.method), "needs": .string(row.needs)])
                }
                return Console.answer(
                    JSONValue.object([
                        "methods": .array(rows),
                        "rules": rules.map { JSONValue.array($0.map(JSONValue.string)) } ?? .null,
                    ]).text)
            }
            for row in methods { Console.answer("\(row.method)  \(row.needs)") }
            for rule in rules ?? [] { Console.answer("rule \(rule)") }
        }
    }

    /// A node's configuration. Blocks on the disk.
    static func read(_ path: String) throws(OperatorFailure) -> NodeConfiguration {
        do throws(ConfigurationError) {
            return try NodeConfiguration(path: path, files: HostFileStore())
        } catch {
            throw OperatorFailure(.usage, "\(error)", nextStep: "give --config of the node that is meant")
        }
    }
}

extension AccessAnswer {
    var text: String { "\(isAllowed ? "allowed" : "refused"): \(method): \(reason)" }

    var json: JSONValue {
        .object(["allowed": .boolean(isAllowed), "method": .string(method), "reason": .string(reason)])
    }
}
