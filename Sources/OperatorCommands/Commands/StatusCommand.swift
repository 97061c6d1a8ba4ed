// `meridian status`: what a node is and does, and how it stands with the other regions.

package import ArgumentParser
import ClusterModel
package import MeridianClient
package import MeridianProtocol
import NodeEnvironment

/// Asks a node once, or again and again.
package struct StatusCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show what a node is and does, and how it stands with the other regions.",
        discussion: "Exit code 1 when the node does not serve users, or not all of them, 3 when it does not answer.")

    @OptionGroup package var connection: ConnectionOptions
    @Flag(help: "Show each partition's vector and digest too.") package var vectors = false
    @Flag(help: "Print one JSON object; with --watch one a line.") package var json = false
    @Flag(help: "Ask again every second until interrupted.") package var watch = false

    package init() {}

    package func run() async throws {
        try await CommandRunner.run("status") {
            let options = try connection.callOptions()
            try await HostRuntime.withClient(connection) { client, environment in
                guard watch else {
                    let reply = try await show(client, options)
                    if reply.state != .active { throw ExitCode(ExitStatus.doesNotHold.rawValue) }
                    return
                }
                while Console.hasReader {
                    do {
                        _ = try await show(client, options)
                    } catch let failure as OperatorFailure where failure.status == .unreachable {
                        // Who watches a node wants to see it come back.
                        Console.progress("meridian status: \(failure)")
                    }
                    try Console.checkAnswers()
                    try await environment.clock.sleep(for: .seconds(1))
                }
            }
        }
    }

    private func show(
        _ client: MeridianClient, _ options: CallOptions
    ) async throws(OperatorFailure) -> Meridian_V1_StatusReply {
        let reply = try await Self.ask(client, options, vectors: vectors)
        let isOpen = connection.isPlaintext
        Console.answer(json ? Self.answer(reply, isOpen: isOpen).text : Self.summary(reply, isOpen: isOpen))
        return reply
    }

    package static func ask(
        _ client: MeridianClient, _ options: CallOptions, vectors: Bool = false
    ) async throws(OperatorFailure) -> Meridian_V1_StatusReply {
        var request = Meridian_V1_StatusRequest()
        request.includePartitions = vectors
        do throws(MeridianClientError) {
            return try await client.call(.status, request, options: options)
        } catch {
            throw OperatorFailure(error, doing: "asking for the status")
        }
    }
}

extension Meridian_V1_NodeState {
    /// The state as answers and summaries write it.
    package var word: String {
        switch self {
        case .starting: "starting"
        case .active: "active"
        case .impaired: "impaired"
        case .draining: "draining"
        case .fenced: "fenced"
        case .evacuated: "evacuated"
        default: "unknown"
        }
    }
}
