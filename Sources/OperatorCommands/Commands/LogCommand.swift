// `meridian log verify|stats`: the journal of a stopped node, checked without changing it.

package import ArgumentParser
import ClusterModel
import EventLog
import HostEnvironment
package import NodeEnvironment
package import SegmentLog

/// Groups the commands about logs.
package struct LogCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "log", abstract: "Check the log of a stopped node.",
        subcommands: [LogVerifyCommand.self, LogStatsCommand.self])

    package init() {}
}

/// Reads every byte: checksums, chain digests, gaps. Exit code 1 when bytes are corrupt; a cut tail alone is an unclean
/// stop, not corruption (S7).
package struct LogVerifyCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Verify every byte of a stopped node's log.")

    @Argument(help: "The directory that log.directory names.") package var path: String
    @Flag(help: "Print one JSON object.") package var json = false

    package init() {}

    package mutating func run() throws {
        let inspection = try LogInspection.of(path, command: "meridian log verify")
        Console.answer(json ? Self.answer(inspection).text : Self.summary(inspection))
        if !inspection.corruptRanges.isEmpty { throw ExitCode(ExitStatus.doesNotHold.rawValue) }
    }

    /// The keys of the command's JSON object.
    package static func answer(_ inspection: JournalInspection) -> JSONValue {
        .object([
            "batches": .count(inspection.batches), "records": .count(inspection.records),
            "corrupt_ranges": .array(
                inspection.corruptRanges.map { range in
                    .object([
                        "path": .string(range.path), "first_byte": .count(range.bytes.lowerBound),
                        "end_byte": .count(range.bytes.upperBound), "reason": .string(range.reason),
                    ])
                }),
            "cut_bytes": .count(inspection.cutBytes),
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
        var lines = [
            "\(inspection.logs.count) logs, \(inspection.batches) batches, \(inspection.records) records verified",
            "\(inspection.cutBytes) bytes of an unfinished write at the end",
        ]
        for range in inspection.corruptRanges {
            lines.append(
                "CORRUPT \(range.path) bytes \(range.bytes.lowerBound)..<\(range.bytes.upperBound): \(range.reason)")
        }
        if !inspection.corruptRanges.isEmpty {
            lines.append("next: keep the directory as it is and follow Runbooks/corrupt-log.md")
        }
        return lines.joined(separator: "\n")
    }
}

/// What a log holds, log by log.
package struct LogStatsCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "stats", abstract: "Show what a stopped node's log holds.")

    @Argument(help: "The directory that log.directory names.") package var path: String
    @Flag(help: "Print one JSON object.") package var json = false

    package init() {}

    package mutating func run() throws {
        let inspection = try LogInspection.of(path, command: "meridian log stats")
        if json {
            Console.answer(
                JSONValue.object([
                    "batches": .count(inspection.batches), "records": .count(inspection.records),
                    "logs": .array(
                        inspection.logs.map { log in
                            .object([
                                "log": .string(log.log.description), "records": .count(log.flushedEnd.rawValue),
                                "epoch": .count(log.epoch.rawValue),
                                "last_stamp_ms": .count(log.lastStamp.wallTime.milliseconds),
                            ])
                        }),
                ]).text)
        } else {
            for log in inspection.logs { Console.answer("\(log.log)  \(log.flushedEnd.rawValue) records") }
        }
    }
}

/// Inspects a directory and turns what goes wrong into a failure with a next step.
package enum LogInspection {
    static func of(_ path: String, command: String) throws -> JournalInspection {
        do throws(OperatorFailure) {
            return try read(path, files: HostFileStore())
        } catch {
            Console.progress("\(command): \(error)")
            throw ExitCode(error.status.rawValue)
        }
    }

    /// Blocks on the disk. Throws OperatorFailure: `.refused` while a node runs on the directory.
    package static func read(_ path: String, files: any FileStore) throws(OperatorFailure) -> JournalInspection {
        do {
            return try JournalInspection(directory: path, files: files)
        } catch let error as FileError where error.code == .locked {
            throw OperatorFailure(.refused, "\(error)", nextStep: "stop the node that runs on \(path) first")
        } catch {
            throw OperatorFailure(
                .usage, "\(error)", nextStep: "give the directory that the node's log.directory names")
        }
    }
}
