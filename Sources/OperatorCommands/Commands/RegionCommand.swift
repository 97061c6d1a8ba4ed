// `meridian region`: moves a region's users away and takes them back.

package import ArgumentParser
import ClusterModel
import MeridianClient
import MeridianProtocol
import NodeEnvironment

/// The group of commands about a whole region.
package struct RegionCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "region", abstract: "Move a region's users to other regions, and take them back.",
        subcommands: [RegionEvacuateCommand.self, RegionResumeCommand.self])

    package init() {}
}

/// `meridian region evacuate`.
package struct RegionEvacuateCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "evacuate", abstract: "Send a region's users to other regions.",
        discussion: """
            The region refuses user calls from then on (REGION_EVACUATED, which clients take as a sign to turn to another \
            region) and goes on mirroring. Waits until no call is under way and every record of the region is on the disk \
            of another region too. Lasts until `meridian region resume` or a restart of the node. Exit code 3 when that \
            takes longer than --wait, 4 when no other region is connected, or none that is can take the users: before \
            anything happens all of them are asked for their state, disk, lag, users and calls.
            """)

    @OptionGroup package var selection: RegionSelection
    @Flag(help: "Go on although no other region can take the users. The node keeps who did so, when and against what.")
    package var force = false
    @Option(help: ArgumentHelp("Seconds to wait for the last record to be mirrored.", valueName: "seconds"))
    package var wait = 60.0
    @Flag(help: "Print one JSON object.") package var json = false

    private static let pause: Duration = .milliseconds(100)
    private static let progressEvery = 10

    package init() {}

    package func run() async throws {
        try await CommandRunner.run("region evacuate") {
            guard wait > 0, wait <= 86_400 else {
                throw OperatorFailure(
                    .usage, "--wait must be above 0 and at most 86400", nextStep: "60 is a good value")
            }
            let options = try selection.connection.regionOptions()
            try await selection.withRegion { client, environment in
                let outcome = try await evacuate(client, options, environment.clock)
                Console.answer(json ? outcome.answer.text : outcome.summary)
                if outcome.status != .success { throw ExitCode(outcome.status.rawValue) }
            }
        }
    }

    private func evacuate(
        _ client: MeridianClient, _ options: CallOptions, _ clock: any NodeClock
    ) async throws -> EvacuationOutcome {
        let started = clock.bootTime()
        let deadline = started.advanced(by: .seconds(wait))
        var asked = 0
        while true {
            let reply = try await ask(client, options)
            let now = clock.bootTime()
            let outcome = EvacuationOutcome(reply: reply, elapsed: now.since(started))
            guard !reply.isComplete, now < deadline else { return outcome }
            if asked % Self.progressEvery == 0 { Console.progress(outcome.progress) }
            asked += 1
            try await clock.sleep(for: Self.pause)
        }
    }

    private func ask(
        _ client: MeridianClient, _ options: CallOptions
    ) async throws(OperatorFailure) -> Meridian_V1_EvacuateReply {
        var request = Meridian_V1_EvacuateRequest()
        request.force = force
        do throws(MeridianClientError) {
            return try await client.call(.evacuate, request, options: options)
        } catch {
            switch error.reason {
            case "NO_REGION_CONNECTED":
                throw OperatorFailure(
                    .refused, "no other region is connected: users would have none left",
                    nextStep: "look at meridian status; --force goes on anyway")
            case "NO_REGION_HAS_ROOM":
                throw OperatorFailure(
                    .refused, error.message,
                    nextStep: "mend what the other regions lack; --force goes on anyway, and is recorded")
            default: throw OperatorFailure(error, doing: "evacuating")
            }
        }
    }
}

/// `meridian region resume`.
package struct RegionResumeCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Take users back after an evacuation.",
        discussion: "Exit code 1 when the node does not serve users afterwards.")

    @OptionGroup package var selection: RegionSelection
    @Flag(help: "The node's wall clock is right as it is: a jump that it saw holds writes up no longer.")
    package var trustClock = false
    @Flag(help: "Print one JSON object.") package var json = false

    package init() {}

    package func run() async throws {
        try await CommandRunner.run("region resume") {
            let options = try selection.connection.callOptions()
            try await selection.withRegion { client, _ in
                let reply = try await resume(client, options)
                let answer = JSONValue.object([
                    "region_number": .count(reply.region), "state": .string(reply.state.word),
                ])
                Console.answer(json ? answer.text : "region \(reply.region) is \(reply.state.word)")
                if reply.state != .active { throw ExitCode(ExitStatus.doesNotHold.rawValue) }
            }
        }
    }

    private func resume(
        _ client: MeridianClient, _ options: CallOptions
    ) async throws(OperatorFailure) -> Meridian_V1_ResumeReply {
        var request = Meridian_V1_ResumeRequest()
        request.trustClock = trustClock
        do throws(MeridianClientError) {
            return try await client.call(.resume, request, options: options)
        } catch {
            throw OperatorFailure(error, doing: "resuming")
        }
    }
}
