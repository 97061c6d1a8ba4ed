// `meridian region`, `status` and `digest`: arguments, keys, exit codes.

import ArgumentParser
import ClusterModel
import MeridianProtocol
import Testing

@testable import OperatorCommands

@Suite struct RegionCommandTests {
    /// The exit code of a command that reaches no node, or is refused before it looks for one.
    private static func exitCode(_ arguments: [String]) async throws -> Int32 {
        do {
            var command = try MeridianCommand.parseAsRoot(arguments)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            return 0
        } catch let code as ExitCode {
            return code.rawValue
        } catch {
            return MeridianCommand.exitCode(for: error) == .validationFailure ? ExitStatus.usage.rawValue : -1
        }
    }

    /// Port 1 of loopback: nobody listens there.
    @Test(
        arguments: [
            (["region", "evacuate", "--endpoint", "127.0.0.1:1", "--timeout", "0.3"], 3),
            (["region", "resume", "--endpoint", "127.0.0.1:1", "--timeout", "0.3"], 3),
            (["region", "evacuate", "gcp-eu", "--endpoint", "127.0.0.1:1,127.0.0.1:1", "--timeout", "0.3"], 3),
            (["digest", "--endpoint", "127.0.0.1:1", "--timeout", "0.3"], 3),
            (["status", "--endpoint", "127.0.0.1:1", "--timeout", "0.3"], 3),
            (["region", "evacuate", "--endpoint", "127.0.0.1:1,127.0.0.1:2"], 2),
            (["region", "evacuate", "--wait", "0"], 2), (["region", "evacuate", "--nonsense"], 2),
            (["region", "resume", "--endpoint", "nowhere"], 2), (["digest", "--log", "/nonexistent", "--watch"], 2),
        ] as [([String], Int32)])
    func exitCodesAreThePromisedOnes(arguments: [String], expected: Int32) async throws {
        #expect(try await Self.exitCode(arguments) == expected, "\(arguments)")
    }

    @Test func aRegionOfAnotherNameIsAUsageErrorAndASilentOneMayBeIt() {
        #expect(RegionSelection.notFound("a", ["1:1 is of b"]).status == .usage)
        #expect(RegionSelection.notFound("a", ["1:1 is of b", "1:2 does not answer"]).status == .unreachable)
    }

    @Test func anEvacuationAnswersWithItsKeys() {
        var reply = Meridian_V1_EvacuateReply()
        reply.regionName = "aws-us"
        reply.state = .evacuated
        reply.unmirroredEvents = 12
        reply.connectedRegions = 1
        var outcome = EvacuationOutcome(reply: reply, elapsed: .milliseconds(250))
        #expect(outcome.status == .unreachable && outcome.summary.contains("12 are in no other region yet"))
        for key in [
            #""state":"evacuated""#, #""unmirrored_events":12"#, #""elapsed_ms":250"#, #""complete":false"#,
            #""region":"aws-us""#, #""connected_regions":1"#,
        ] { #expect(outcome.answer.text.contains(key), "\(key)") }
        outcome.reply.isComplete = true
        #expect(outcome.status == .success && outcome.summary.contains("everything it wrote is in another region too"))
    }

    private static var reply: Meridian_V1_StatusReply {
        var reply = Meridian_V1_StatusReply()
        reply.state = .active
        reply.regionName = "aws-us"
        reply.unmirroredEvents = 3
        (reply.users, reply.markerRows) = (12, 5)
        (reply.catalogueItems, reply.catalogueTombstones, reply.catalogueLimit) = (7, 2, 100)
        reply.clock.state = .alarm
        reply.clock.reason = "far off"
        var mirror = Meridian_V1_MirrorStatus()
        mirror.regionName = "gcp-eu"
        mirror.state = .lost
        mirror.lagEvents = 8
        mirror.lagMs = 2_540
        mirror.lagP50Ms = 4
        mirror.lagP99Ms = 31.25
        mirror.clockOffsetMs = -7
        reply.mirrors = [mirror]
        var alarm = Meridian_V1_Alarm()
        alarm.name = "mirror_lost"
        alarm.detail = "region gcp-eu never heard"
        alarm.runbook = "region-lost.md"
        reply.alarms = [alarm]
        var partition = Meridian_V1_PartitionDigest()
        partition.partition = 4
        partition.digest = "d"
        var entry = Meridian_V1_VectorEntry()
        (entry.region, entry.incarnation, entry.next) = (2, 0xab, 9)
        partition.vector = [entry]
        reply.partitionStates = [partition]
        return reply
    }

    @Test func statusShowsRegionsToPeople() {
        let text = StatusCommand.summary(Self.reply)
        for part in [
            "region gcp-eu (0): lost; lag 8 events, 2.5 s; mirror lag p50 4.0 ms, p99 31.3 ms; never heard; "
                + "clock -7 ms from here", "3 own records are in no other region yet", "clock: alarm: far off",
            "12 users and 5 rows of markers only", "7 items of 100 in the catalogue, 2 withdrawn ids remembered",
            "4\td\t2@ab:9", "ALARM mirror_lost: region gcp-eu never heard; see Runbooks/region-lost.md",
        ] { #expect(text.contains(part), "\(part) in\n\(text)") }
    }

    @Test func statusShowsRegionsToPrograms() {
        let text = StatusCommand.answer(Self.reply).text
        for part in [
            #""mirror_unmirrored_events":3"#, #""mirror_lag_events":8"#, #""mirror_lag_ms":2540"#,
            #""mirror_lag_p50_ms":4.0"#, #""mirror_lag_p99_ms":31.25"#, #""last_heard_ms":null"#,
            #""clock":{"state":"alarm","reason":"far off"}"#, #""runbook":"region-lost.md""#,
            #""incarnation":"ab","next":9"#, #""state":"active""#, #""users":12,"marker_rows":5"#,
            #""catalogue_items":7,"catalogue_tombstones":2,"catalogue_limit":100"#,
        ] { #expect(text.contains(part), "\(part) in\n\(text)") }
    }

    @Test(arguments: [
        (Meridian_V1_NodeState.fenced, "fenced"), (.evacuated, "evacuated"), (.active, "active"),
        (.draining, "draining"), (.starting, "starting"), (.UNRECOGNIZED(99), "unknown"),
    ])
    func statesHaveWords(state: Meridian_V1_NodeState, word: String) { #expect(state.word == word) }
}
