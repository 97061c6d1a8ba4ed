// `meridian next`: content for a user.

package import ArgumentParser
import FoundationEssentials
import MeridianClient
package import MeridianProtocol

/// Asks for a slate as a phone does.
package struct NextCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "next", abstract: "Ask for a user's next content.")

    @Argument(help: "The user's id.") package var user: String
    @Option(help: "Items wanted, 1 to 100.") package var count = 10
    @Option(help: "ISO 639 language, instead of the profile's.") package var language: String?
    @Option(help: "ISO 3166 country, instead of the profile's.") package var country: String?
    @Option(name: .customLong("request-id"), help: "The seed of the slate; 0 lets the node choose.")
    package var requestID: UInt64 = 0
    @OptionGroup package var connection: ConnectionOptions
    @Flag(help: "Print one JSON object.") package var json = false

    package init() {}

    package func run() async throws {
        try await CommandRunner.run("next") {
            let options = try connection.callOptions()
            guard (1...100).contains(count) else {
                throw OperatorFailure(.usage, "--count must be 1 to 100", nextStep: "10 is what a phone asks for")
            }
            try await HostRuntime.withClient(connection) { client, _ in
                var context = Meridian_V1_RequestContext()
                context.language = language ?? ""
                context.country = country ?? ""
                let reply: Meridian_V1_NextContentReply
                do throws(MeridianClientError) {
                    reply = try await client.nextContent(
                        for: user, count: count, context: context, requestID: requestID, options: options)
                } catch {
                    throw OperatorFailure(error, doing: "asking for content")
                }
                Console.answer(json ? Self.answer(reply).text : Self.summary(reply))
            }
        }
    }

    /// The keys of the command's JSON object.
    package static func answer(_ reply: Meridian_V1_NextContentReply) -> JSONValue {
        .object([
            "tier": .string(reply.tier.word), "region_number": .count(reply.region),
            "slate_id": .string(reply.slateID.hexadecimal), "request_id": .string(String(reply.requestID)),
            "staleness_ms": .count(reply.stalenessMs), "model_version": .count(reply.modelVersion),
            "items": .array(
                reply.items.map { item in
                    .object([
                        "content_id": .string(item.contentID), "slot": .count(item.slot),
                        "propensity": .number(Double(item.propensity)), "reason": .string(item.reason.word),
                        "item_token": .string(item.itemToken.base64EncodedString()),
                    ])
                }),
        ])
    }

    private static func summary(_ reply: Meridian_V1_NextContentReply) -> String {
        let items = reply.items.map { "  \($0.slot + 1). \($0.contentID)  (\($0.reason.word))" }
        return (["\(reply.items.count) items, tier \(reply.tier.word):"] + items).joined(separator: "\n")
    }
}

extension Meridian_V1_ContentSuggestion.Reason {
    /// The reason as answers write it.
    package var word: String {
        switch self {
        case .affinity: "affinity"
        case .popularity: "popularity"
        case .recency: "recency"
        case .exploration: "exploration"
        default: "unknown"
        }
    }
}
