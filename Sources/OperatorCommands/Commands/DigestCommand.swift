// `meridian digest`: the digest of each partition's state (S10), of a live node or folded from a stopped node's log.

package import ArgumentParser
import MeridianClient
import NodeEnvironment

/// Equal vectors and apply versions must show equal digests. With `--compare` a stopped node's log is folded from zero
/// and compared with an earlier answer.
package struct DigestCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "digest", abstract: "Show the digest of each partition's state.",
        discussion: """
            Two nodes that applied the same events show the same digests. --log folds the log of a stopped node from its \
            first record, without its snapshots.
            """)

    @Option(help: ArgumentHelp("Fold a stopped node's log instead: what log.directory names.", valueName: "path"))
    package var log: String?
    @Option(help: "Only this partition; may be given again.") package var partition: [UInt32] = []
    @OptionGroup package var connection: ConnectionOptions
    @Flag(help: "Print one JSON object; with --watch one a line.") package var json = false
    @Flag(help: "Ask again every second until interrupted.") package var watch = false

    package init() {}

    package func run() async throws {
        try await CommandRunner.run("digest") {
            if let log {
                guard !watch else {
                    throw OperatorFailure(.usage, "--log does not change: leave out --watch")
                }
                try await HostRuntime.run { environment in
                    let fold = try JournalFold(directory: log, files: environment.files)
                    show(DigestReport(fold, only: partition))
                }
                return
            }
            let options = try connection.callOptions()
            try await HostRuntime.withClient(connection) { client, environment in
                while true {
                    show(try await Self.ask(client, partition, options))
                    guard watch else { return }
                    try await environment.clock.sleep(for: .seconds(1))
                }
            }
        }
    }

    private func show(_ report: DigestReport) { Console.answer(json ? report.answer.text : report.summary) }

    static func ask(
        _ client: MeridianClient, _ partitions: [UInt32], _ options: CallOptions
    ) async throws(OperatorFailure) -> DigestReport {
        do throws(MeridianClientError) {
            return DigestReport(try await client.digest(partitions: partitions, options: options))
        } catch {
            throw OperatorFailure(error, doing: "asking for digests")
        }
    }
}
