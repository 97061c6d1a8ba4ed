// What a process without its region's claim, or a peer that lies, says of terms, of claims and of time: nothing of it counts
// beyond what may be true. Each test names the line that it guards; it fails without that line.

import ClusterModel
import EventLog
import GRPCFraming
import Logging
import NIOCore
import NodeEnvironment
import SegmentLog
import SimulatedEnvironment
import Testing

@testable import RegionMirror

@Suite struct StrangersWordsTests {
    private static func greet(
        _ greeting: RegionGreeting, _ settings: MirrorSettings, from twin: SimulatedMachine, in world: MirrorWorld
    ) throws -> GreetingReply {
        try world.simulation.drive(limit: .seconds(10)) { () async throws -> GreetingReply in
            let channel = try twin.environment.links.channel(to: MirrorRegion.endpoint(1), security: settings.security)
            let answer = try await channel.unary(
                path: RegionGreeting.path, message: ByteBuffer(bytes: greeting.encoded), metadata: CallMetadata(),
                deadline: twin.clock.bootTime().advanced(by: .seconds(2)))
            await channel.close()
            return try GreetingReply(decoding: Array(answer.message.readableBytesView))
        }
    }

    /// Guards `maySpeak` in MirrorService.greet: with `onTerms` for everybody the holder takes the twin's terms for the
    /// region's, and refuses the region's own words from then on.
    @Test(
        "H3, S1, S3: terms of a twin without the claim are answered, and change nothing of what is believed of the region",
        arguments: [false, true])
    func termsOfARefusedTwin(claims: Bool) throws {
        let world = MirrorWorld(seed: 21, regions: 2)
        world.startAll()
        try #require(
            world.run { world[1].link(to: 2)?.isConnected == true && world[2].link(to: 1)?.isConnected == true })
        var settings = world.settings(of: 2)
        settings.partitions = try #require(PartitionCount(32))
        let rival = claims ? Incarnation(world[2].incarnation.rawValue + 1) : Incarnation(0)
        let greeting = RegionGreeting(incarnation: rival, terms: settings.terms)
        let twin = world.simulation.machine("twin")
        let told = try Self.greet(greeting, settings, from: twin, in: world)
        #expect(told.verdict == .termsDiffer, "it is told why, all the same")
        let mirror = try #require(world[1].mirror)
        #expect(world[1].link(to: 2)?.findings.isEmpty == true)
        #expect(mirror.admits(RegionNumber(2), world[2].incarnation))
        try world[2].append(to: 0)
        #expect(world.run(until: .seconds(2)) { world[1].end(of: world[2].own(0)) == Offset(3) })
        // Once nobody else speaks for the region its words count.
        world[2].kill()
        world.run(.seconds(3))
        _ = try Self.greet(greeting, settings, from: twin, in: world)
        #expect(world[1].link(to: 2)?.findings.map(\.kind) == [.partitions])
    }

    /// Guards `checkTold` in MirrorLink.ask: with a made up ends record of a living region's line a peer would cut what that one
    /// writes, in every region that hears of it.
    @Test("S1a: ends by a start that its region, which is heard, does not know are a lie of whoever tells them")
    func endsByAnUnknownStart() throws {
        let world = MirrorWorld(seed: 23, regions: 3)
        world.startAll()
        try #require(
            world.run { world[1].link(to: 2)?.isConnected == true && world[1].link(to: 3)?.isConnected == true })
        let service = try #require(world[1].mirror).mirrorService
        let line = world[3].own(0).name
        func ends(by writer: UInt64) throws -> [AgreedEnds] {
            let nothing = try #require(EndsRecord([]))
            return [try #require(AgreedEnds(name: line, writer: Incarnation(writer), ends: nothing))]
        }
        let current = world[3].incarnation.rawValue
        #expect(throws: Never.self) { try service.checkTold(try ends(by: current), by: RegionNumber(2)) }
        let lie = try ends(by: current + 1)
        #expect { try service.checkTold(lie, by: RegionNumber(2)) } throws: {
            ($0 as? MirrorError)?.code == .unknownStart
        }
        #expect(throws: Never.self, "its own word counts") { try service.checkTold(lie, by: RegionNumber(3)) }
        // Of one that is not heard any more others know more than this region does.
        world[3].kill()
        world.run(.seconds(10))
        #expect(throws: Never.self) { try service.checkTold(lie, by: RegionNumber(2)) }
    }

    /// Says of every greeting that somebody else is believed for as long as the field can say: 49 days.
    private final class Liar: CallHandler {
        let methods = [RegionGreeting.path]
        private let terms: RegionTerms

        init(_ terms: RegionTerms) { self.terms = terms }

        func handle(_ call: UnaryCall) {
            let reply = GreetingReply(
                .claimed, reason: "another one", freshMilliseconds: .max, incarnation: Incarnation(1), terms: terms)
            call.succeed(ByteBuffer(bytes: reply.encoded))
        }
    }

    /// Guards `min(longest, …)` in RegionMirror.greet: a start would wait for 49 days.
    @Test("H6, S1: no peer holds a start up for longer than a claim can be fresh, whatever it says")
    func freshFor49Days() throws {
        let world = MirrorWorld(seed: 22, regions: 2)
        let (liar, settings) = (world.settings(of: 1), world.settings(of: 2))
        world[1].machine.start { environment in
            _ = try await environment.links.listen(
                on: MirrorRegion.endpoint(1), security: liar.security, handler: Liar(liar.terms))
            try await environment.clock.sleep(for: .seconds(60))
        }
        world.run(.milliseconds(50))
        let environment = world[2].machine.environment
        let answers = try world.simulation.drive(limit: .seconds(10)) { () async throws -> [StartAnswer] in
            let log = try SegmentLog.open(
                directory: "scratch", environment: environment,
                limits: JournalLimits(segmentBytes: JournalLimits.minSegmentBytes))
            let mirror = try RegionMirror(
                settings, log: FaultyEngine(log, faults: EngineFaults()), environment: environment,
                disk: environment.executors.makeDedicatedExecutor(label: "disk"),
                logger: Logger(label: "claim") { _ in SwiftLogNoOpLogHandler() })
            return await mirror.claim(Incarnation(5))
        }
        guard case .claimed(_, let fresh)? = answers.first?.outcome else {
            Issue.record("\(answers)")
            return
        }
        #expect(fresh == settings.stallTimeout * 2 + .seconds(1))
    }

    /// Guards `ceiling.admits(head.lastStamp)` in RegionMirror.remember: the first start would go above the year 2500.
    @Test("H7, S2: stamps of the far future that a peer remembers raise no first start")
    func stampsOfTheFarFutureAreNotRemembered() throws {
        let world = MirrorWorld(seed: 23, regions: 2)
        world.start(1)
        world.run(.milliseconds(100))
        let year = Duration.seconds(365 * 86_400)
        let now = world[1].machine.clock.wallTime()
        for (partition, ahead) in [(UInt32(0), year * 500), (1, .seconds(3_600))] {
            let log = Sample.log(partition, region: 2, incarnation: 6)
            let record = EventRecord(
                kind: .interaction, stamp: HybridStamp(at: now.advanced(by: ahead)), id: EventID(time: 1, client: 1),
                body: [1])
            try world[1].log?.submit(
                try EncodedBatch(
                    sealing: [record], of: log, epoch: Epoch(1), baseOffset: .zero, previousDigest: .zero))
        }
        world.run(.milliseconds(100))
        world.start(2)
        world.run(.milliseconds(100))
        let mirror = try #require(world[2].mirror)
        let memory = try world.simulation.drive { await mirror.remember() }
        #expect(memory.reachedPeers == 1 && memory.newestIncarnation == Incarnation(6))
        // What a clock can have made is told: the start itself waits for it (FarStampsTests).
        #expect(memory.latestStamp == HybridStamp(at: now.advanced(by: .seconds(3_600))))
    }
}
