// Handshakes between real mirrors (S1, S3): what breaks a rule refuses the link and is known on both sides, the rest alarms,
// and what a process without its region's claim says changes nothing.

import ClusterModel
import EventLog
import GRPCFraming
import Logging
import NIOCore
import NodeEnvironment
import SegmentLog
import SimulatedEnvironment
import Synchronization
import Testing

@testable import RegionMirror

@Suite struct TermsFlowTests {
    /// Region 2 is told something else than region 1.
    private static func world(
        _ seed: UInt64, _ change: @escaping @Sendable (inout MirrorSettings) -> Void
    ) -> MirrorWorld {
        MirrorWorld(seed: seed, regions: 2) { settings in
            if settings.region == RegionNumber(2) { change(&settings) }
        }
    }

    private func kinds(_ world: MirrorWorld, _ region: Int) -> [TermsFinding.Kind] {
        world[region].link(to: 3 - region)?.findings.map(\.kind) ?? []
    }

    private func expectRefused(
        _ world: MirrorWorld, _ kind: TermsFinding.Kind, _ location: SourceLocation = #_sourceLocation
    ) throws {
        world.startAll()
        world.run(.seconds(2))
        for region in 1...2 {
            try world[region].append(to: 0)
            #expect(Set(kinds(world, region)) == [kind], sourceLocation: location)
            let link = world[region].link(to: 3 - region)
            #expect(
                link?.isConnected == false && link?.lastFailure?.contains("terms differ") == true,
                sourceLocation: location)
        }
        world.run(.seconds(2))
        #expect(world[1].end(of: world[2].own(0)) == .zero && world[2].end(of: world[1].own(0)) == .zero)
    }

    @Test("A4, S3: regions of 16 and 32 partitions refuse each other, and both say so")
    func otherPartitionsRefuse() throws {
        let partitions = try #require(PartitionCount(32))
        try expectRefused(Self.world(1) { $0.partitions = partitions }, .partitions)
    }

    @Test("A4, S3: other bounds, versions that do not work together and a number of two regions refuse")
    func otherConstantsRefuse() throws {
        let bounds = try TimeBounds(
            maxDrift: .milliseconds(500), maxFuture: .seconds(5), maxAge: .seconds(900), timeMarkInterval: .seconds(2),
            silence: .seconds(30))
        try expectRefused(Self.world(2) { $0.timeBounds = bounds }, .timeBounds)
        try expectRefused(Self.world(3) { ($0.applyVersion, $0.oldestApplyVersion) = (3, 2) }, .applyVersionsApart)
        try expectRefused(Self.world(4) { $0.regionName = "other" }, .regionIdentity)
    }

    @Test("C18: keys that are replaced while both run are compared again, on both sides")
    func replacedKeysAreComparedAgain() throws {
        let world = Self.world(7) { $0.tokenKeys = [TokenKeyFingerprint(id: 1, fingerprint: 2)] }
        world.startAll()
        try #require(world.run { world[1].link(to: 2)?.isConnected == true && !kinds(world, 2).isEmpty })
        #expect(Set(kinds(world, 1)) == [.tokenKeys])
        let mirror = try #require(world[2].mirror)
        world[2].machine.start { _ in await mirror.replaceTokenKeys([]) }
        #expect(world.run(until: .seconds(2)) { kinds(world, 1).isEmpty && kinds(world, 2).isEmpty })
        #expect(world[1].link(to: 2)?.lostLinks == 0, "no link was dropped for it")
    }

    @Test("C24, S3: which keys every region has is known once it was heard, and again when it changes")
    func keysThatEveryRegionHasAreKnown() throws {
        let (old, new) = (TokenKeyFingerprint(id: 1, fingerprint: 1), TokenKeyFingerprint(id: 2, fingerprint: 2))
        let world = MirrorWorld(seed: 8, regions: 3) {
            $0.tokenKeys = $0.region == RegionNumber(1) ? [old, new] : [old]
        }
        world.start(1)
        world.start(2)
        world.run(.milliseconds(1))
        let mirror = try #require(world[1].mirror)
        let heard = Mutex<[Set<TokenKeyFingerprint>]>([])
        mirror.watchMemberKeys { known in heard.withLock { $0.append(known) } }
        #expect(world.run { world[1].link(to: 2)?.isConnected == true })
        #expect(heard.withLock(\.last) == [], "region 3 was not heard")
        world.start(3)
        #expect(world.run { heard.withLock(\.last) == [old] })
        for region in 2...3 {
            #expect(heard.withLock { !($0.last?.contains(new) ?? true) })
            let other = try #require(world[region].mirror)
            world[region].machine.start { _ in await other.replaceTokenKeys([old, new]) }
            world.run(.seconds(2))
        }
        #expect(heard.withLock(\.last) == [old, new])
    }

    @Test("C18, S3: other token keys, apply versions that work together and a third region alarm, and records flow")
    func theRestAlarms() throws {
        let world = Self.world(6) { settings in
            settings.tokenKeys = [TokenKeyFingerprint(id: 1, fingerprint: 2)]
            (settings.applyVersion, settings.oldestApplyVersion) = (2, 1)
            settings.peers.append(
                MirrorPeer(region: RegionNumber(9), name: "r9", endpoints: [MirrorRegion.endpoint(9)]))
        }
        world.startAll()
        #expect(world.run { world[1].link(to: 2)?.isConnected == true && world[2].link(to: 1)?.isConnected == true })
        for region in 1...2 {
            #expect(Set(kinds(world, region)) == [.applyVersion, .tokenKeys, .members])
            try world[region].append(to: 0)
        }
        #expect(world[1].link(to: 2)?.findings.compactMap(\.unlisted).map(\.name) == ["r9"])
        #expect(world.run { world.isEqual })
    }

    @Test("S3: a region whose terms are mended is let in without a restart of the other")
    func mendedTermsAreLetIn() throws {
        let partitions = try #require(PartitionCount(32))
        let world = MirrorWorld(seed: 7, regions: 2) { settings in
            if settings.region == RegionNumber(2) { settings.partitions = partitions }
        }
        world.startAll()
        world.run(.seconds(1))
        #expect(kinds(world, 1) == [.partitions])
        world[2].kill()
        world[2].machine.restart()
        var settings = world.settings(of: 2)
        settings.partitions = .standard
        world[2].begin(settings, at: MirrorRegion.endpoint(2), EngineFaults())
        #expect(world.run { world[1].link(to: 2)?.isConnected == true && world[2].link(to: 1)?.isConnected == true })
        #expect(kinds(world, 1).isEmpty && kinds(world, 2).isEmpty)
    }

    // MARK: Claims

    private func begun(_ seed: UInt64) throws -> MirrorWorld {
        let world = MirrorWorld(seed: seed, regions: 2)
        world.startAll()
        try #require(
            world.run { world[1].link(to: 2)?.isConnected == true && world[2].link(to: 1)?.isConnected == true })
        return world
    }

    @Test("A5, S1: cursors of a process without the claim count for nothing")
    func strangersCursorsAreRefused() throws {
        let world = try begun(8)
        try world[1].append(to: 0)
        #expect(world.run { world[1].consumer.cursor(of: 2, in: world[1].own(0)) == Offset(3) })
        try world[1].append(to: 0)
        world.simulation.network.cut("r1", "r2")
        let log = world[1].own(0)
        let head = try #require(world[1].log?.summary(of: log))
        let settings = world.settings(of: 2)
        let report = CursorReport(
            teller: RegionNumber(2), deployment: settings.terms.fingerprint.rawValue,
            incarnation: Incarnation(world[2].incarnation.rawValue + 1),
            cursors: [
                .init(
                    region: RegionNumber(2), incarnation: Incarnation(world[2].incarnation.rawValue + 1),
                    point: LogPoint(log: log, offset: head.flushedEnd, digest: head.endDigest))
            ])
        let twin = world.simulation.machine("twin")
        let status = try world.simulation.drive(limit: .seconds(5)) { () async throws -> RPCStatus? in
            let channel = try twin.environment.links.channel(to: MirrorRegion.endpoint(1), security: settings.security)
            do throws(RPCStatus) {
                _ = try await channel.unary(
                    path: CursorReport.path, message: ByteBuffer(bytes: report.encoded), metadata: CallMetadata(),
                    deadline: twin.clock.bootTime().advanced(by: .seconds(2)))
                return nil
            } catch {
                return error
            }
        }
        #expect(status?.code == .failedPrecondition && status?.message.contains("claims this region") == true)
        #expect(world[1].consumer.cursor(of: 2, in: log) == Offset(3))
    }

    @Test("A5, S1: a start is told that another process lives, and for how long it is believed")
    func aStartHearsOfTheOther() throws {
        let world = try begun(9)
        let settings = world.settings(of: 2)
        let twin = world.simulation.machine("twin")
        let answers = try world.simulation.drive(limit: .seconds(10)) { () async throws -> [StartAnswer] in
            try await Self.claim(Incarnation(world[2].incarnation.rawValue + 1), settings, on: twin)
        }
        guard case .claimed(let reason, let fresh)? = answers.first?.outcome else {
            Issue.record("\(answers)")
            return
        }
        #expect(reason.contains("another incarnation"))
        #expect(fresh > .zero && fresh <= MirrorWorld.stallTimeout + MirrorWorld.heartbeat)
        #expect(world[2].link(to: 1)?.isConnected == true)
        world[2].kill()
        world.run(.seconds(2))
        let granted = try world.simulation.drive(limit: .seconds(10)) { () async throws -> [StartAnswer] in
            try await Self.claim(Incarnation(world[2].incarnation.rawValue + 1), settings, on: twin)
        }
        #expect(granted.map(\.outcome) == [.welcome])
    }

    private static func claim(
        _ incarnation: Incarnation, _ settings: MirrorSettings, on machine: SimulatedMachine
    ) async throws -> [StartAnswer] {
        let environment = machine.environment
        let log = FaultyEngine(
            try SegmentLog.open(
                directory: "scratch-\(incarnation.rawValue)", environment: environment,
                limits: JournalLimits(segmentBytes: JournalLimits.minSegmentBytes)), faults: EngineFaults())
        let disk = environment.executors.makeDedicatedExecutor(label: "disk")
        let mirror = try RegionMirror(
            settings, log: log, environment: environment, disk: disk,
            logger: Logger(label: "claim") { _ in SwiftLogNoOpLogHandler() })
        let answers = await mirror.claim(incarnation)
        return answers
    }

    @Test("A5, S1: replies of a process that does not speak for its region change nothing here")
    func strangersRepliesAreDropped() throws {
        let world = try begun(10)
        let service = try #require(world[1].mirror)
        let now = world[2].incarnation
        #expect(service.admits(RegionNumber(2), now))
        #expect(!service.admits(RegionNumber(2), Incarnation(now.rawValue + 1)))
        #expect(!service.admits(RegionNumber(7), now), "nobody speaks for a region that never called")
        #expect(service.admits(RegionNumber(1), Incarnation(1)), "its own")
    }
}
