// `meridian log verify`: every byte of a stopped node's journal, or what a running node's scrubber has found.

package import ArgumentParser
import ClusterModel
import EventLog
import MeridianClient
import MeridianProtocol
package import SegmentLog

/// Reads every byte: checksums, chain digests, gaps. Exit code 1 when bytes are corrupt; a cut tail alone is an unclean
/// stop, not corruption (S7).
package struct LogVerifyCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Verify every byte of a node's log.",
        discussion: """
            With a PATH the files of a stopped node are read; without one the node at --endpoint is asked what it found, \
            which reads its sealed segments over and over. What follows a gap in a log is one range a segment; of many ranges the \
            first \(DamageLines.limit) are printed, --json lists all. Exit code 1 when bytes do not verify.
            """)

    @Argument(help: "The directory that log.directory names.") package var path: String?
    @OptionGroup package var connection: ConnectionOptions
    @Flag(help: "Print one JSON object.") package var json = false

    package init() {}

    package func run() async throws {
        try await CommandRunner.run("log verify") {
            guard let path else { return try await askNode() }
            let inspection = try LogInspection.of(path, command: "meridian log verify")
            Console.answer(json ? Self.answer(inspection).text : Self.summary(inspection))
            if !inspection.corruptRanges.isEmpty { throw ExitCode(ExitStatus.doesNotHold.rawValue) }
        }
    }

    /// The keys of the command's JSON object.
    package static func answer(_ inspection: JournalInspection) -> JSONValue {
        .object([
            "batches": .count(inspection.batches), "records": .count(inspection.records),
            "corrupt_ranges": .array(inspection.corruptRanges.map(JSONValue.init)),
            "cut_bytes": .count(inspection.cutBytes), "directory": inspection.identity?.answer ?? .null,
            "head_digests": .array(
                inspection.logs.map { log in
                    .object([
                        "log": .string(log.log.description), "end": .count(log.flushedEnd.rawValue),
                        "digest": .string(log.endDigest.description),
                    ])
                }),
        ])
    }

    private static func summary(_ inspection: JournalInspection) -> String {
        var lines = inspection.identity.map { [$0.line] } ?? []
        lines += [
            "\(inspection.logs.count) logs, \(inspection.batches) batches, \(inspection.records) records verified",
            "\(inspection.cutBytes) bytes of an unfinished write at the end",
        ]
        lines += DamageLines.lines(inspection.corruptRanges)
        if !inspection.corruptRanges.isEmpty {
            lines.append("next: meridian log repair --config FILE; see Runbooks/log-corruption.md")
        }
        return lines.joined(separator: "\n")
    }

    /// What a running node's own reading has found: it repairs by itself what other regions have.
    private func askNode() async throws {
        let options = try connection.callOptions()
        try await HostRuntime.withClient(connection) { client, _ in
            let reply = try await StatusCommand.ask(client, options)
            let found = reply.alarms.filter { $0.name == Self.alarm }
            if json {
                let details = JSONValue.array(found.map { .string($0.detail) })
                Console.answer(JSONValue.object(["node": .string(reply.node), "corrupt": details]).text)
            } else if found.isEmpty {
                Console.answer("\(reply.node): no sealed segment is known to be damaged")
            } else {
                for alarm in found { Console.answer("CORRUPT \(alarm.detail); see \(alarm.runbook)") }
            }
            if !found.isEmpty { throw ExitCode(ExitStatus.doesNotHold.rawValue) }
        }
    }

    private static let alarm = "log_corrupt"
}

extension JSONValue {
    init(_ range: CorruptRange) {
        self = .object([
            "path": .string(range.path), "first_byte": .count(range.bytes.lowerBound),
            "end_byte": .count(range.bytes.upperBound), "reason": .string(range.reason),
            "follows_gap": .boolean(range.followsGap),
        ])
    }
}
