// The root of the `meridian` command.

package import ArgumentParser
import Glibc
import HostEnvironment
import MeridianNode

/// `meridian`: what users and operators do to a node.
package struct MeridianCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "meridian", abstract: "Use and operate Meridian.",
        discussion: """
            Exit codes: 0 success, 1 what was checked does not hold, 2 usage or configuration, 3 unreachable or timed out, \
            4 refused by a safety check, 5 inconclusive.
            """,
        version: MeridianNode.version,
        subcommands: [
            StatusCommand.self, NextCommand.self, ReportCommand.self, PublishCommand.self, ReplayCommand.self,
            DigestCommand.self, LogCommand.self, RegionCommand.self, StreamCommand.self, AccessCommand.self,
            CertsCommand.self, QuickstartCommand.self,
        ])

    package init() {}

    /// The process from its first moment to its end.
    package static func begin() -> Never {
        ProcessEntry.run("meridian", refusing: ExitStatus.refused.rawValue) { await launch() }
    }

    /// Parses the arguments, runs the command and ends the process with the exit code that the table promises:
    /// ArgumentParser's own code for usage is another.
    private static func launch() async {
        do {
            if let name = RepeatedOptions.first(in: Array(CommandLine.arguments.dropFirst())) {
                throw OperatorFailure(.usage, "\(name) stands twice", nextStep: "give it once")
            }
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            try Console.checkAnswers()
        } catch let failure as OperatorFailure {
            Console.progress("meridian: \(failure)")
            Glibc.exit(failure.status.rawValue)
        } catch  where exitCode(for: error) == .validationFailure {
            Console.progress(fullMessage(for: error))
            Glibc.exit(ExitStatus.usage.rawValue)
        } catch {
            exit(withError: error)
        }
    }
}
