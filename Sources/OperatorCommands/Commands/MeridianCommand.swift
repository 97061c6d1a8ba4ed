// The root of the `meridian` command.

package import ArgumentParser

/// `meridian`: what an operator does to a node.
package struct MeridianCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "meridian", abstract: "Operate Meridian.", subcommands: [CertsCommand.self, LogCommand.self])

    package init() {}
}
