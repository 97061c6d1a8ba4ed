// The root of the `meridian` command.

package import ArgumentParser

/// `meridian`: what users and operators do to a node.
package struct MeridianCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "meridian", abstract: "Use and operate Meridian.",
        discussion: """
            Exit codes: 0 success, 1 what was checked does not hold, 2 usage or configuration, 3 unreachable or timed out, \
            4 refused by a safety check, 5 inconclusive.
            """,
        subcommands: [
            StatusCommand.self, NextCommand.self, ReportCommand.self, PublishCommand.self, ReplayCommand.self,
            DigestCommand.self, LogCommand.self, CertsCommand.self, QuickstartCommand.self,
        ])

    package init() {}
}
