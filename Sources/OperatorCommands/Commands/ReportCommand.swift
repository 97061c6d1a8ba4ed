// `meridian report`: one thing that a user did.

package import ArgumentParser
import ClusterModel
import FoundationEssentials
import MeridianClient
package import MeridianProtocol
import NodeEnvironment

/// Reports one event. With `--id` the same event may be reported again: it counts once.
package struct ReportCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Report what a user did.",
        discussion: "Exit code 1 when the node refused the event.")

    /// The kinds as the command line writes them.
    package enum Kind: String, ExpressibleByArgument, CaseIterable, Sendable {
        case impression, click, like, share, bookmark, comment, follow, dismiss, watch
    }

    /// The durabilities as the command line writes them.
    package enum Durability: String, ExpressibleByArgument, CaseIterable, Sendable {
        case buffered, local
    }

    @Argument(help: "The user's id.") package var user: String
    @Argument(help: "What the user did.") package var kind: Kind
    @Argument(help: "The content item's id.") package var content: String
    @Option(name: .customLong("id"), help: "The event's id, of an earlier try: 16 hex digits, \"-\", 16 hex digits.")
    package var eventID: String?
    @Option(name: .customLong("item-token"), help: "The item's token from next --json.") package var itemToken: String?
    @Option(name: .customLong("watch-ms"), help: "Milliseconds watched; with kind watch.") package var watch: UInt32?
    @Option(help: "How safe the event is before the command returns.") package var durability = Durability.local
    @OptionGroup package var connection: ConnectionOptions
    @Flag(help: "Print one JSON object.") package var json = false

    package init() {}

    package func run() async throws {
        try await CommandRunner.run("report") {
            let options = try connection.callOptions()
            let event = try interaction()
            try await HostRuntime.withClient(connection) { client, _ in
                var event = event
                if !event.hasID { event.id = client.makeEventID() }
                // From the id: the same event reported again has to have the same body (S5).
                event.occurredAtMs = EventID(event.id).wallTime.milliseconds
                let reply: Meridian_V1_ReportReply
                do throws(MeridianClientError) {
                    reply = try await client.report(
                        [event], of: user, durability: durability == .local ? .local : .buffered, options: options)
                } catch {
                    Console.progress("the event's id was \(EventID(event.id)): report again with --id to count once")
                    throw OperatorFailure(error, doing: "reporting")
                }
                try Self.show(reply, json: json)
            }
        }
    }

    private static func show(_ reply: Meridian_V1_ReportReply, json: Bool) throws {
        guard let result = reply.results.first else {
            throw OperatorFailure(
                .unreachable, "the answer has no result", nextStep: "report again with the same --id")
        }
        Console.answer(
            json ? answer(result).text : "\(result.outcome.word) \(EventID(result.id)) \(result.code)")
        if result.outcome == .refused { throw ExitCode(ExitStatus.doesNotHold.rawValue) }
    }

    /// The keys of the command's JSON object.
    package static func answer(_ result: Meridian_V1_EventResult) -> JSONValue {
        .object([
            "outcome": .string(result.outcome.word), "id": .string(EventID(result.id).description),
            "code": .string(result.code),
            "position": result.hasPosition
                ? .object([
                    "region_number": .count(result.position.region), "partition": .count(result.position.partition),
                    "incarnation": .string(String(result.position.incarnation, radix: 16)),
                    "offset": .count(result.position.offset),
                ]) : .null,
        ])
    }

    private func interaction() throws(OperatorFailure) -> Meridian_V1_Interaction {
        var event = Meridian_V1_Interaction()
        event.kind = kind.wire
        event.contentID = content
        if let watch {
            guard kind == .watch else {
                throw OperatorFailure(.usage, "--watch-ms is for the kind watch", nextStep: "leave it out")
            }
            event.watchMs = watch
        }
        if let eventID {
            guard let id = EventID(eventID) else {
                throw OperatorFailure(.usage, "--id \(eventID) is not an event id", nextStep: "as report prints it")
            }
            event.id = Meridian_V1_EventID(id)
        }
        if let itemToken {
            guard let bytes = Data(base64Encoded: itemToken) else {
                throw OperatorFailure(.usage, "--item-token is not base64", nextStep: "as next --json prints it")
            }
            event.itemToken = bytes
        }
        return event
    }
}

extension ReportCommand.Kind {
    fileprivate var wire: Meridian_V1_Interaction.Kind {
        switch self {
        case .impression: .impression
        case .click: .click
        case .like: .like
        case .share: .share
        case .bookmark: .bookmark
        case .comment: .comment
        case .follow: .follow
        case .dismiss: .dismiss
        case .watch: .watch
        }
    }
}

extension Meridian_V1_EventResult.Outcome {
    /// The outcome as answers write it.
    package var word: String {
        switch self {
        case .applied: "applied"
        case .duplicate: "duplicate"
        case .refused: "refused"
        default: "unknown"
        }
    }
}
