// `meridian log verify|stats|dump|repair`: a node's journal, looked at, checked and mended.

package import ArgumentParser
import ClusterModel
import EventLog
import HostEnvironment
import MeridianClient
import MeridianProtocol
package import NodeEnvironment
package import SegmentLog

/// Groups the commands about logs.
package struct LogCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "log", abstract: "Look at a node's log and check it.",
        subcommands: [
            LogVerifyCommand.self, LogStatsCommand.self, LogDumpCommand.self, LogRepairCommand.self,
        ])

    package init() {}
}

/// What a log holds, log by log: of a stopped node's directory, or of a live node.
package struct LogStatsCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "stats", abstract: "Show what a node's log holds.",
        discussion: "With a PATH the files of a stopped node are read; without one the node at --endpoint is asked.")

    @Argument(help: "The directory that log.directory names.") package var path: String?
    @OptionGroup package var connection: ConnectionOptions
    @Flag(help: "Print one JSON object.") package var json = false

    package init() {}

    package func run() async throws {
        try await CommandRunner.run("log stats") {
            guard let path else { return try await askNode() }
            let inspection = try LogInspection.read(path, files: HostFileStore())
            if json { return Console.answer(Self.answer(inspection).text) }
            if let identity = inspection.identity { Console.answer(identity.line) }
            for log in inspection.logs { Console.answer("\(log.log)  \(log.flushedEnd.rawValue) records") }
        }
    }

    private static func answer(_ inspection: JournalInspection) -> JSONValue {
        .object([
            "batches": .count(inspection.batches), "records": .count(inspection.records),
            "directory": inspection.identity?.answer ?? .null,
            "logs": .array(
                inspection.logs.map { log in
                    .object([
                        "log": .string(log.log.description), "records": .count(log.flushedEnd.rawValue),
                        "epoch": .count(log.epoch.rawValue),
                        "last_stamp_ms": .count(log.lastStamp.wallTime.milliseconds),
                    ])
                }),
        ])
    }

    private func askNode() async throws {
        let options = try connection.callOptions()
        try await HostRuntime.withClient(connection) { client, _ in
            let reply: Meridian_V1_LogStatsReply
            do throws(MeridianClientError) {
                reply = try await client.logStats(options: options)
            } catch {
                throw OperatorFailure(error, doing: "asking for the logs")
            }
            if json { return Console.answer(Self.answer(reply).text) }
            for log in reply.logs { Console.answer("\(Self.name(log))  \(log.flushedEnd) records") }
        }
    }

    private static func answer(_ reply: Meridian_V1_LogStatsReply) -> JSONValue {
        .object([
            "logs": .array(
                reply.logs.map { log in
                    .object([
                        "log": .string(name(log)), "records": .count(log.flushedEnd), "epoch": .count(log.epoch),
                        "base_offset": .count(log.baseOffset), "digest": .string(log.endDigest),
                        "last_stamp_ms": .count(log.lastStampMs),
                    ])
                })
        ])
    }

    /// As files of a stopped node name it.
    private static func name(_ log: Meridian_V1_LogStats) -> String {
        "\(log.region)/\(log.topic)/\(log.partition)@\(String(log.incarnation, radix: 16))"
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
        } catch {
            throw failure(error, path)
        }
    }

    /// What an offline command failed with, for people.
    package static func failure(_ error: any Error, _ path: String) -> OperatorFailure {
        switch error {
        case let error as OperatorFailure: error
        case let refusal as DirectoryRefusal where refusal.code == .damagedIdentity:
            OperatorFailure(.doesNotHold, "\(refusal)", nextStep: refusal.nextStep)
        case let refusal as DirectoryRefusal:
            OperatorFailure(.refused, "\(refusal)", nextStep: refusal.nextStep)
        case let error as FileError where error.code == .locked:
            OperatorFailure(.refused, "\(error)", nextStep: "stop the node that runs on \(path) first")
        case let error as FileError where error.code == .permissionDenied:
            failure(DirectoryRefusal(error, in: path, files: HostFileStore()), path)
        case let error as EventLogError where error.code == .noSpace:
            OperatorFailure(.refused, "\(error)", nextStep: "free room for a copy of a segment on \(path)")
        default:
            OperatorFailure(.usage, "\(error)", nextStep: "give the directory that the node's log.directory names")
        }
    }
}
