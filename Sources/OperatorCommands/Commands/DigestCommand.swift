// `meridian digest`: the digest of each partition's state and of the catalogue (S10), of all regions, of one node, or folded from a stopped
// node's log.

package import ArgumentParser
import ClusterModel
import EventLog
package import MeridianClient
import MeridianProtocol
package import NodeEnvironment
import SegmentLog

/// Equal vectors and apply versions must show equal digests. By default the node asks the shards of every other region too
/// and the answers are compared.
package struct DigestCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "digest", abstract: "Show the digest of each partition's state, and compare regions.",
        discussion: """
            The node asks the shards and the catalogues of all regions. Digests compare where regions stand at a common vector; while they \
            do not, the question is asked again. Exit code 1 where digests differ at equal vectors, 3 where a region does \
            not answer, has other terms or is listed by another region only, 5 where partitions never stood at a common vector \
            or apply versions differ: stop the traffic and ask again. --only-here \
            asks one node about itself. --log folds the log of a stopped node from its first record, without its snapshots; exit \
            code 1 where bytes of it do not verify, 5 where records wait for others that are not in it: the digests are of the rest.
            """)

    @Option(help: ArgumentHelp("Fold a stopped node's log instead: what log.directory names.", valueName: "path"))
    package var log: String?
    @Option(help: "Only this partition; may be given again.") package var partition: [UInt32] = []
    @Flag(help: "Show the digests of the node that answers, and compare nothing.") package var onlyHere = false
    @OptionGroup package var connection: ConnectionOptions
    @Flag(help: "Print one JSON object; with --watch one a line.") package var json = false
    @Flag(help: "Ask again every second until interrupted.") package var watch = false

    /// Answers asked for in one comparison: with the pause more than a time mark's interval.
    package static let attempts = 20
    package static let pause: Duration = .milliseconds(150)

    package init() {}

    package func run() async throws {
        try await CommandRunner.run("digest") {
            if let log {
                guard !watch else {
                    throw OperatorFailure(
                        .usage, "--log does not change, so there is nothing to watch", nextStep: "leave out --watch")
                }
                try await HostRuntime.run { environment in
                    let fold = try JournalFold(directory: log, files: environment.files)
                    try check(partition, fold.inspection.identity)
                    show(DigestReport(fold, only: partition))
                    try Self.check(fold, of: log)
                }
                return
            }
            let options = try connection.regionOptions()
            try await HostRuntime.withClient(connection) { client, environment in
                while true {
                    let status = try await showOnce(client, options, environment.clock)
                    guard watch else {
                        if status != .success { throw ExitCode(status.rawValue) }
                        return
                    }
                    try Console.checkAnswers()
                    guard Console.hasReader else { return }
                    try await environment.clock.sleep(for: .seconds(1))
                }
            }
        }
    }

    /// A number that no partition of the deployment has is a slip, not an empty answer.
    private func check(_ wanted: [UInt32], _ identity: DirectoryIdentity?) throws(OperatorFailure) {
        guard let count = identity?.partitions.rawValue, let wrong = wanted.first(where: { Int($0) >= count })
        else { return }
        throw OperatorFailure(
            .usage, "--partition \(wrong): the directory has partitions 0 to \(count - 1)",
            nextStep: "leave --partition out for all")
    }

    /// Digests of a part of the log look like digests of all of it.
    package static func check(_ fold: JournalFold, of log: String) throws(OperatorFailure) {
        let damage = fold.inspection.corruptRanges
        if !damage.isEmpty {
            let lines = DamageLines.lines(damage).joined(separator: "\n  ")
            throw OperatorFailure(
                .doesNotHold,
                "\(log) does not verify: the digests are of what precedes the damage in each log\n  \(lines)",
                nextStep: "meridian log repair \(log); see Runbooks/log-corruption.md")
        }
        guard let first = fold.held.min() else { return }
        let more = fold.held.count > 1 ? " and \(fold.held.count - 1) more" : ""
        throw OperatorFailure(
            .inconclusive,
            "\(log): records of \(first)\(more) wait for others that are not in it, trimmed or not here yet: the digests are "
                + "without them",
            nextStep: "start the node, and ask it: meridian digest")
    }

    private func showOnce(
        _ client: MeridianClient, _ options: CallOptions, _ clock: any NodeClock
    ) async throws -> ExitStatus {
        if onlyHere {
            show(try await Self.ask(client, partition, options))
            return .success
        }
        let comparison = try await Self.compare(client, partition, options, clock: clock)
        Console.answer(json ? comparison.answer.text : comparison.summary)
        return comparison.status
    }

    private func show(_ report: DigestReport) { Console.answer(json ? report.answer.text : report.summary) }

    /// The digests of the node that `client` reaches; an empty list asks for all partitions.
    package static func ask(
        _ client: MeridianClient, _ partitions: [UInt32], _ options: CallOptions
    ) async throws(OperatorFailure) -> DigestReport {
        do throws(MeridianClientError) {
            return DigestReport(try await client.digest(partitions: partitions, options: options))
        } catch {
            throw OperatorFailure(error, doing: "asking for digests")
        }
    }

    /// Asks for the digests of all regions until every partition is decided, at most `attempts` times.
    package static func compare(
        _ client: MeridianClient, _ partitions: [UInt32], _ options: CallOptions, clock: any NodeClock,
        attempts: Int = attempts
    ) async throws -> RegionComparison {
        var comparison = RegionComparison()
        var wanted = partitions
        while true {
            comparison.onAnswer(try await askAll(client, wanted, options))
            wanted = comparison.next
            let mayChange = !wanted.isEmpty && comparison.silent.isEmpty && !comparison.isDifferent
            guard mayChange, comparison.attempts < attempts else { return comparison }
            try await clock.sleep(for: pause)
        }
    }

    private static func askAll(
        _ client: MeridianClient, _ partitions: [UInt32], _ options: CallOptions
    ) async throws(OperatorFailure) -> [DigestReport] {
        var request = Meridian_V1_DigestRequest()
        request.partitions = partitions
        request.allRegions = true
        do throws(MeridianClientError) {
            let reply = try await client.call(.digest, request, options: options)
            // A node of an earlier version knows itself only.
            return reply.regions.isEmpty ? [DigestReport(reply)] : reply.regions.map(DigestReport.init)
        } catch {
            throw OperatorFailure(error, doing: "asking for digests")
        }
    }
}
