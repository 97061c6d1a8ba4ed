// `meridian log repair`: a stopped node's journal gets back from another region what its disk lost.

package import ArgumentParser
import ClusterModel
import EventLog
import HostEnvironment
import MeridianNode
import NodeEnvironment
import RegionMirror
import SegmentLog

/// Names what is damaged and what each segment needs; with --config asks other regions for the original bytes, checks them
/// against the digests on this disk, and puts them back.
package struct LogRepairCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "repair", abstract: "Put back what a stopped node's disk lost, from another region.",
        discussion: """
            With a PATH alone nothing is changed: what is damaged is named, and what would heal it. With the node's --config \
            the regions that it names are asked for the original bytes, or the node whose mesh listens at --from. They are \
            checked against the chain on this disk, and a repaired copy of the segment takes the damaged one's place. Exit \
            code 0 when nothing is damaged any more, 1 when something still is.
            """)

    @Argument(help: "The directory that log.directory names; not with --config.") package var path: String?
    @Option(help: ArgumentHelp("The node's configuration.", valueName: "file")) package var config: String?
    @Option(
        help: ArgumentHelp("Ask this node's mesh listener only; may be given again.", valueName: "host:port"))
    package var from: [String] = []
    @Flag(help: "Change nothing.") package var dryRun = false
    @Flag(help: "Print one JSON object.") package var json = false

    package init() {}

    package func run() async throws {
        try await CommandRunner.run("log repair") {
            let configuration = try readConfiguration()
            guard let directory = configuration?.log.directory ?? path, path == nil || config == nil else {
                throw OperatorFailure(
                    .usage, "give the PATH of a journal, or the node's --config",
                    nextStep: "meridian log repair --config /etc/meridian/node.yaml")
            }
            let holders = try endpoints()
            let mended = try await HostRuntime.run { environment in
                let source = configuration?.mirrorSettings.map { RepairSource($0, environment: environment) }
                return try await Self.mend(
                    directory, environment.files, changes: config != nil && !dryRun,
                    expecting: configuration?.directoryIdentity
                ) { await source?.fetch($0, from: holders) }
            }
            let answer = RepairAnswer(mended, directory: directory, isAsking: config != nil)
            Console.answer(json ? answer.json.text : answer.text)
            if !answer.isWhole { throw ExitCode(ExitStatus.doesNotHold.rawValue) }
        }
    }

    private func readConfiguration() throws(OperatorFailure) -> NodeConfiguration? {
        guard let config else { return nil }
        do {
            return try NodeConfiguration(path: config, files: HostFileStore())
        } catch {
            throw OperatorFailure(.usage, "\(error)", nextStep: "give the file that meridiand --config names")
        }
    }

    private func endpoints() throws(OperatorFailure) -> [Endpoint] {
        guard from.isEmpty || config != nil else {
            throw OperatorFailure(
                .usage, "--from needs --config, whose certificate the other region knows",
                nextStep: "meridian log repair --config FILE --from HOST:PORT")
        }
        var endpoints: [Endpoint] = []
        for text in from {
            guard let endpoint = Endpoint(text), endpoint.port > 0 else {
                throw OperatorFailure(
                    .usage, "--from \(text) is not host:port", nextStep: "give listen.mesh of a node of another region")
            }
            endpoints.append(endpoint)
        }
        return endpoints
    }

    /// Throws OperatorFailure, `.refused` while a node runs on the directory.
    private static func mend(
        _ directory: String, _ files: any FileStore, changes: Bool, expecting asked: DirectoryIdentity?,
        fetch: @escaping (RepairNeed) async -> [EncodedBatch]?
    ) async throws -> [MendedSegment] {
        do {
            if let asked { try DirectorySurvey(directory, files: files).check(asked) }
            let journal = try JournalRepair(directory: directory, files: files, changes: changes)
            defer { journal.release() }
            return try await JournalMending(journal, fetch: changes ? fetch : nil).run()
        } catch {
            throw LogInspection.failure(error, directory)
        }
    }
}
