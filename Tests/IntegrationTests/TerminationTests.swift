// SIGTERM at any moment of a node's life: it ends within its limit, and nothing acknowledged is lost (B15; FAULTS 1.16
// and 3.7). How long a stop may take is the node's own business: its watch ends it with exit code 5.

import ClusterModel
import Foundation
import Glibc
import HostEnvironment
import MeridianClient
import MeridianProtocol
import NodeEnvironment
import Testing

@testable import OperatorCommands

@Suite(
    .serialized, .timeLimit(.minutes(60)),
    .enabled(if: BuiltExecutables.areThere, Comment(rawValue: BuiltExecutables.absence)))
struct TerminationTests {
    private static let proves = ProcessInfo.processInfo.environment["MERIDIAN_PROVE"] != nil

    /// What one moment is about.
    private enum Moment: UInt64, CaseIterable {
        case starting, serving, stalled
    }

    private static func readiness(_ real: RealNode) throws -> String {
        let page = try RawConnection(port: real.node.adminEndpoint.port)
        defer { page.close() }
        page.send(Array("GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".utf8))
        return page.text(withinMilliseconds: 30_000)
    }

    @Test func stopsAtRandomMomentsEndAndLoseNothing() async throws {
        let seed: UInt64 = 1_504
        var generator = SeededGenerator(seed: seed)
        try await StoppingNode.with { node in
            let client = try node.real.node.makeClient()
            let reporter = StoppedReporter()
            var total = 0
            for number in 0..<(Self.proves ? 200 : 6) {
                // Of a few, each kind at least once.
                let kind = Moment.allCases[Self.proves ? Int(generator.next() % 3) : number % 3]
                let end = try await Self.live(node, kind, client, reporter, &generator)
                total += reporter.count
                let place = "seed \(seed), moment \(number), \(kind)"
                switch end {
                case .exited(0)?: break
                // Before the process could listen for it.
                case .signalled(SIGTERM)? where kind == .starting: break
                case .exited(5)? where kind == .stalled: break
                default: Issue.record("\(place): \(end as Any): \(node.real.node.outputTail())")
                }
            }
            #expect(total > 0)
            try await node.withProcess { child in
                #expect(try await node.waitUntilServing(child, client), "\(node.real.node.outputTail())")
                let lost = try await reporter.lost(client)
                #expect(lost == 0, "seed \(seed)")
            }
            await client.close()
        }
    }

    /// One process, from its start to its end.
    private static func live(
        _ node: StoppingNode, _ kind: Moment, _ client: MeridianClient, _ reporter: StoppedReporter,
        _ generator: inout SeededGenerator
    ) async throws -> ChildProcess.End? {
        let (first, second) = (generator.next(), generator.next())
        return try await node.withProcess { child in
            guard kind != .starting else {
                try await node.pause(first % 400)
                child.signal(SIGTERM)
                return try await node.waitForEnd(child)
            }
            guard try await node.waitUntilServing(child, client) else { return child.end() }
            let lost = try await reporter.lost(client)
            #expect(lost == 0, "acknowledged before the stop, \(node.real.node.outputTail())")
            return try await withThrowingTaskGroup(of: Void.self) { group in
                let clock = node.real.environment.clock
                group.addTask { try await reporter.run(client, clock: clock) }
                defer { reporter.stop() }
                try await node.pause(50 + first % 500)
                if kind == .stalled { try node.stallDisk() }
                try await node.pause(second % 300)
                child.signal(SIGTERM)
                if kind == .stalled, second % 2 == 0 {
                    try await node.pause(first % 2_000)
                    try node.resumeDisk()
                }
                return try await node.waitForEnd(child)
            }
        }
    }

    /// Where the disk never answers, the watch ends the process; probes hear of the stop at once.
    @Test func aNodeOnADiskThatStandsStillSaysThatItDrainsAndEnds() async throws {
        try await StoppingNode.with { node in
            let client = try node.real.node.makeClient()
            try await node.withProcess { child in
                #expect(try await node.waitUntilServing(child, client), "\(node.real.node.outputTail())")
                try node.stallDisk()
                let reporter = StoppedReporter()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    let clock = node.real.environment.clock
                    group.addTask { try await reporter.run(client, clock: clock) }
                    defer { reporter.stop() }
                    try await node.pause(200)
                    child.signal(SIGTERM)
                    try await node.pause(100)
                    #expect(try Self.readiness(node.real).contains("draining"))
                    #expect(try await node.waitForEnd(child) == .exited(5), "\(node.real.node.outputTail())")
                }
                #expect(reporter.count == 0)
            }
            await client.close()
        }
    }

    /// The start itself stands in the disk: nothing was ever served, and the process ends all the same.
    @Test func aStartOnADiskThatStandsStillEnds() async throws {
        try await StoppingNode.with { node in
            try node.stallDisk()
            try await node.withProcess { child in
                // On a busy machine a process may take long until it has come to its disk.
                let lock = "\(node.real.node.journalPath)/lock"
                for _ in 0..<600 where !node.real.environment.files.exists(lock) { try await node.pause(100) }
                try await node.pause(500)
                child.signal(SIGTERM)
                #expect(try await node.waitForEnd(child) == .exited(5), "\(node.real.node.outputTail())")
            }
        }
    }

    /// A limit of ten minutes, which nobody waits for.
    @Test func aSecondSignalEndsAtOnce() async throws {
        try await StoppingNode.with(drain: 600_000) { node in
            let client = try node.real.node.makeClient()
            try await node.withProcess { child in
                #expect(try await node.waitUntilServing(child, client), "\(node.real.node.outputTail())")
                try node.stallDisk()
                // A call that waits for the disk, so that there is something to drain.
                var event = Meridian_V1_Interaction()
                event.kind = .click
                event.contentID = "content-1"
                _ = try? await client.report(
                    [event], of: "u", options: CallOptions(timeout: .seconds(1), retry: .never))
                child.signal(SIGTERM)
                try await node.pause(300)
                #expect(child.end() == nil)
                child.signal(SIGTERM)
                #expect(try await node.waitForEnd(child) == .exited(5), "\(node.real.node.outputTail())")
                #expect(node.real.node.outputTail().contains("a second signal"), "\(node.real.node.outputTail())")
            }
            await client.close()
        }
    }

    /// As `timeout` sends it: one to the process, one to its group.
    @Test func twoSignalsAtOnceAreOneRequest() async throws {
        try await StoppingNode.with(drain: 10_000) { node in
            let client = try node.real.node.makeClient()
            try await node.withProcess { child in
                let isServing = try await node.waitUntilServing(child, client)
                #expect(isServing, "\(node.real.node.outputTail())")
                child.signal(SIGTERM)
                child.signal(SIGTERM)
                let end = try await node.waitForEnd(child)
                #expect(end == .exited(0), "\(node.real.node.outputTail())")
            }
            await client.close()
        }
    }

    // MARK: A full disk

    /// Mounts a disk of 27 MiB, starts the node, and starts it again in the same mount once it has ended and there is room.
    /// What goes after the first life is more than a start needs.
    private static func smallDisk(_ scratch: ScratchDirectory) -> [String] {
        let script = """
            mkdir "$0.disk" && mount -t tmpfs -o size=27m tmpfs "$0.disk" && mkdir "$0.disk/data" && \
            mount --bind "$0.disk/data" "$0" && head -c 12582912 /dev/zero > "$0.disk/ballast" && trap : TERM && \
            { setpriv --pdeathsig KILL "$@"; echo "ended with $?"; rm "$0.disk/ballast"; } && trap - TERM
            """
        return MountNamespace.launcher(script, at: "\(scratch.path)/data")
    }

    /// SIGTERM on a full disk was not done after 60 s: a snapshot waited for a flush that never came.
    @Test(.enabled(if: MountNamespace.isAllowed, Comment(rawValue: MountNamespace.absence)))
    func aStopOnAFullDiskEndsAndLosesNothing() async throws {
        let extra = "  segment_bytes: 9437184\nlimits:\n  drain_timeout_ms: 1000\n  snapshot_interval_seconds: 1"
        try await RealNode.with(launcher: Self.smallDisk, extra: extra) { real in
            try await real.node.start()
            let client = try real.node.makeClient()
            var acknowledged: [(events: [Meridian_V1_Interaction], user: String)] = []
            let refusal = await FullDiskTests.fill(client) { acknowledged.append(($0, $1)) }
            #expect(refusal?.reason == "NO_SPACE", "\(refusal as Any): \(real.node.outputTail())")
            // So that a round of snapshots stands in the flush.
            try await real.environment.clock.sleep(for: .seconds(2))
            let group = try #require(await real.node.identifier)
            #expect(kill(-group, SIGTERM) == 0)
            let limit = real.environment.clock.bootTime().advanced(by: .seconds(60))
            while !real.node.outputTail(lines: 200).contains("ended with"), real.environment.clock.bootTime() < limit {
                try await real.environment.clock.sleep(for: .milliseconds(20))
            }
            #expect(real.node.outputTail(lines: 200).contains("ended with 0"), "\(real.node.outputTail(lines: 20))")
            #expect(acknowledged.count > 100)
            // There is room again: the second life has all of it.
            for (events, user) in acknowledged {
                let reply = try await client.report(events, of: user, options: CallOptions(timeout: .seconds(60)))
                #expect(reply.results.count { $0.outcome == .duplicate } == events.count, "\(user)")
            }
            await client.close()
        }
    }
}
