// `meridian replay`: real or generated users against a node that runs already.

package import ArgumentParser
import Datasets
import MeridianClient
import NodeEnvironment

/// Publishes the input's catalogue, then drives its users: a slate, then what they really did.
package struct ReplayCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Replay users' interactions against a node.",
        discussion: """
            --data names a directory with deskdrop/events.tsv; without it users and content are generated from --seed. \
            Every acknowledged event's id is written to --ack-file, so that a checker can compare later. Exit code 1 when \
            nothing was acknowledged, events were refused, or calls failed after all retries; how many of each, by reason, \
            stands in the answer.
            """)

    @Option(help: ArgumentHelp("The input's directory; generated input without it.", valueName: "path"))
    package var data: String?
    @Option(help: "Events a second, over all users.") package var rate = 1_000.0
    @Option(help: "Seconds.") package var duration = 20.0
    @Option(name: .customLong("ack-file"), help: ArgumentHelp("Where acknowledged ids go.", valueName: "path"))
    package var acknowledgementFile: String?
    @Option(help: "The seed of generated input and of request ids.") package var seed: UInt64 = 1
    @Option(help: "Visits under way at once, 1 to 1024.") package var window = 64
    @Flag(name: .customLong("no-publish"), help: "The catalogue is there already.") package var leavesOutPublishing =
        false
    @OptionGroup package var connection: ConnectionOptions
    @Flag(help: "Print one JSON object.") package var json = false

    package init() {}

    package func run() async throws {
        try await CommandRunner.run("replay") {
            let plan = try plan()
            let timeout = try connection.callOptions().timeout
            try await HostRuntime.withClient(connection) { client, environment in
                let source = try ReplayInput.read(data, seed: seed, files: environment.files)
                let service = NodeConnection(client, timeout: timeout)
                let catalogue = ReplayCatalogue(source, now: environment.clock.wallTime())
                // Before anything is published: a slip in its path leaves nothing half done.
                let file = try acknowledgementFile.map { (path) throws(OperatorFailure) in
                    try AcknowledgementFile(creating: path, files: environment.files)
                }
                if !leavesOutPublishing { try await Self.publish(catalogue, source.input, to: service) }
                let run = ReplayRun(
                    plan, source: source, clock: environment.clock, acknowledgements: file,
                    later: leavesOutPublishing ? [:] : catalogue.later)
                await ReplaySession(run, service: service, clock: environment.clock).drive { Console.progress($0) }
                file?.close()
                let (measurement, _, elapsed) = try await run.finish()
                let summary = ReplaySummary(measurement, input: source.input, elapsed: elapsed)
                Console.answer(json ? summary.answer.text : summary.text)
                if !measurement.isComplete { throw ExitCode(ExitStatus.doesNotHold.rawValue) }
            }
        }
    }

    private static func publish(
        _ catalogue: ReplayCatalogue, _ input: ReplaySource.Input, to service: any ContentService
    ) async throws(OperatorFailure) {
        Console.progress("publishing \(catalogue.present.count) items (input: \(input.rawValue))")
        try await ReplayDriver.publish(catalogue.present, to: service) { _ in }
    }

    private func plan() throws(OperatorFailure) -> ReplayPlan {
        guard rate > 0, rate <= 1_000_000, duration > 0, duration <= 86_400, (1...ReplayPlan.maxWindow).contains(window)
        else {
            throw OperatorFailure(
                .usage, "--rate, --duration or --window is out of range",
                nextStep: "rate to 1,000,000, duration to 86,400, window to \(ReplayPlan.maxWindow)")
        }
        return ReplayPlan(eventsPerSecond: rate, duration: .seconds(duration), window: window, seed: seed)
    }
}
