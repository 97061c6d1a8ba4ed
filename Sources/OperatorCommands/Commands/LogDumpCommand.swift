// `meridian log dump`: what stands in a stopped node's journal, line by line.

package import ArgumentParser
import ClusterModel
import EventLog
import HostEnvironment
import NodeEnvironment
import SegmentLog

/// Reads only, and as it prints: a journal of any size. Exit code 1 when something on the way did not verify.
package struct LogDumpCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "dump", abstract: "Print marks, segments and batches of a stopped node's log.",
        discussion: """
            --frames adds the group frames of the journal, --records the records of each batch. Bodies hold what users did: \
            they are printed with --bodies only. Damage that is met is named, and the exit code is 1 then; \
            meridian log verify looks at everything.
            """)

    @Argument(help: "The directory that log.directory names.") package var path: String
    @Option(
        help: ArgumentHelp(
            "One log, or all incarnations of one, as other commands name it.",
            valueName: "region/topic/partition[@incarnation]"))
    package var log: String?
    @Option(help: "The first offset.") package var from: UInt64 = 0
    @Option(help: "The offset to end before.") package var to: UInt64?
    @Option(help: "Lines of batches, records and frames.") package var limit = 1_000
    @Flag(help: "Print group frames.") package var frames = false
    @Flag(help: "Print the records of each batch.") package var records = false
    @Flag(help: "Print the records with their bodies.") package var bodies = false
    @Flag(help: "Print one JSON object a line.") package var json = false

    package init() {}

    package mutating func run() throws {
        do {
            let end = Offset(to ?? .max)
            guard Offset(from) < end, limit > 0 else {
                throw OperatorFailure(
                    .usage, "--from must be below --to, and --limit above 0", nextStep: "--limit 1000")
            }
            let wanted = try log.map { (text) throws(OperatorFailure) in try LogPattern(text) }
            var lines = DumpLines(
                frames: frames, records: records || bodies, bodies: bodies, offsets: Offset(from)..<end, limit: limit)
            let selection = JournalSelection(offsets: Offset(from)..<end) { wanted?.matches($0) ?? true }
            try JournalDump.read(directory: path, files: HostFileStore(), selection) { item in
                for line in lines.take(item) { Console.answer(json ? line.json.text : line.text) }
                return !lines.isCut && Console.hasReader
            }
            if lines.isCut { Console.progress("meridian log dump: \(limit) lines; the rest is left out, see --limit") }
            if lines.hasDamage { throw ExitCode(ExitStatus.doesNotHold.rawValue) }
        } catch let code as ExitCode {
            throw code
        } catch {
            let failure = error as? OperatorFailure ?? LogInspection.failure(error, path)
            Console.progress("meridian log dump: \(failure)")
            throw ExitCode(failure.status.rawValue)
        }
    }
}
