// `meridian-bench`: measures the product from outside, beside a peer or the machine's limit where there is one.

import ArgumentParser

@main
struct MeridianBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "meridian-bench", abstract: "Measure Meridian on this machine.",
        discussion: """
            These machines are shared: trust counts and ratios before absolute times. Every area starts what it needs on
            loopback and stops it again.
            """,
        subcommands: [
            ServeCommand.self, OverloadCommand.self, SharesCommand.self, TransportCommand.self, EchoServerCommand.self,
            MirrorCommand.self,
            LogCommand.self, SnapshotCommand.self,
            LogServerCommand.self, RestartsCommand.self, BootstrapCommand.self,
        ])
}
