// Which region may make which call of the mesh, about which logs: a test a call (A7). Seals stand in LineageKeeperTests.

import ClusterModel
import EventLog
import GRPCFraming
import NIOCore
import NodeEnvironment
import SimulatedEnvironment
import Synchronization
import Testing

@testable import RegionMirror

@Suite struct MeshAuthorityTests {
    /// Three regions that are connected.
    private func world(_ seed: UInt64) throws -> MirrorWorld {
        let world = MirrorWorld(seed: seed, regions: 3)
        world.startAll()
        try #require(world.run { (2...3).allSatisfy { world[1].link(to: $0)?.isConnected == true } })
        return world
    }

    /// What region 1 answers to a call with the certificate of `caller`; nil for OK.
    private func call(
        _ world: MirrorWorld, as caller: Int, _ path: String, _ message: [UInt8]
    ) throws -> RPCStatusCode? {
        let environment = world[caller].machine.environment
        let security = world.settings(of: caller).security
        return try world.simulation.drive { () -> RPCStatusCode? in
            let channel = try environment.links.channel(to: MirrorRegion.endpoint(1), security: security)
            do throws(RPCStatus) {
                _ = try await channel.unary(
                    path: path, message: ByteBuffer(bytes: message), metadata: CallMetadata(),
                    deadline: environment.clock.bootTime().advanced(by: .seconds(5)))
                return nil
            } catch {
                return error.code
            }
        }
    }

    private func deployment(_ world: MirrorWorld) -> UInt64 { world.settings(of: 1).terms.fingerprint.rawValue }

    private func report(_ world: MirrorWorld, by teller: Int, of region: Int, on log: LogIdentity) -> CursorReport {
        CursorReport(
            teller: RegionNumber(UInt16(teller)), deployment: deployment(world), incarnation: world[teller].incarnation,
            cursors: [
                .init(
                    region: RegionNumber(UInt16(region)), incarnation: world[region].incarnation,
                    point: LogPoint(startOf: log))
            ])
    }

    @Test("A7, Pull: only by the follower that the certificate names")
    func pullsAreMadeAsOneself() throws {
        let world = try world(1)
        func pull(_ follower: Int) -> PullRequest {
            PullRequest(
                follower: RegionNumber(UInt16(follower)), applyVersion: 1, deployment: deployment(world),
                incarnation: Incarnation(0), generation: 1, maxBytes: 0, waitMilliseconds: 0)
        }
        #expect(try call(world, as: 3, PullRequest.path, pull(2).encoded) == .permissionDenied)
        #expect(try call(world, as: 3, PullRequest.path, pull(3).encoded) == nil)
    }

    @Test("A7, Pull: an incarnation that no clock can have made claims no region")
    func pullsOfTheFarFutureAreRefused() throws {
        let world = try world(2)
        var pull = Sample.request([])
        (pull.follower, pull.deployment, pull.incarnation) = (RegionNumber(3), deployment(world), Incarnation(.max))
        #expect(try call(world, as: 3, PullRequest.path, pull.encoded) == .invalidArgument)
    }

    @Test("A7, Claim: only for the certificate's own region")
    func claimsAreOfOneself() throws {
        let world = try world(3)
        let environment = world[3].machine.environment
        let security = world.settings(of: 3).security
        let claim = LinkClaim(
            follower: RegionNumber(2), deployment: deployment(world), incarnation: world[2].incarnation, generation: 1)
        let code = try world.simulation.drive { () -> RPCStatusCode? in
            let channel = try environment.links.channel(to: MirrorRegion.endpoint(1), security: security)
            do throws(RPCStatus) {
                let stream = try channel.stream(path: LinkClaim.path, deadline: nil)
                try await stream.send(ByteBuffer(bytes: claim.encoded))
                while try await stream.next() != nil {}
                return nil
            } catch {
                return error.code
            }
        }
        #expect(code == .permissionDenied)
    }

    @Test(
        "A7, S1, Snapshots: only to the caller that the certificate names, of equal terms, and with its region's claim")
    func snapshotsAreAskedForAsOneself() throws {
        let world = try world(7)
        let item = SnapshotMessagesTests.item
        try world[1].shelf.put([1, 2, 3], as: item, generation: 3)
        let claimed = world[3].incarnation
        func list(_ caller: UInt16, _ deployment: UInt64, _ incarnation: Incarnation) -> [UInt8] {
            SnapshotListRequest(
                caller: RegionNumber(caller), applyVersion: 1, deployment: deployment, incarnation: incarnation,
                items: [item]
            ).encoded
        }
        func read(_ caller: UInt16, _ deployment: UInt64, _ incarnation: Incarnation) -> [UInt8] {
            SnapshotReadRequest(
                caller: RegionNumber(caller), deployment: deployment, incarnation: incarnation, item: item,
                generation: 3, position: 0, maxBytes: 9
            ).encoded
        }
        let own = deployment(world)
        for (path, message) in [(SnapshotListRequest.path, list), (SnapshotReadRequest.path, read)] {
            #expect(try call(world, as: 3, path, message(2, own, claimed)) == .permissionDenied)
            #expect(try call(world, as: 3, path, message(3, own &+ 1, claimed)) != nil)
            // Another process of that region, older or newer, and one that says nothing of itself.
            for stranger in [claimed.rawValue - 1, claimed.rawValue + 1, 0] {
                #expect(
                    try call(world, as: 3, path, message(3, own, Incarnation(stranger))) == .failedPrecondition)
            }
            #expect(world[1].shelf.opened == 0)
            #expect(try call(world, as: 3, path, message(3, own, claimed)) == nil)
        }
        #expect(world[1].shelf.opened == 1)
    }

    @Test("A7, Report: only by the teller that the certificate names")
    func reportsAreMadeAsOneself() throws {
        let world = try world(4)
        let message = report(world, by: 2, of: 2, on: world[1].own(0)).encoded
        #expect(try call(world, as: 3, CursorReport.path, message) == .permissionDenied)
        #expect(try call(world, as: 2, CursorReport.path, message) == nil)
    }

    @Test("A7, Report: a region tells its own cursors, and others' to their origin only")
    func cursorsAreOnesOwnOrRelayed() throws {
        let world = try world(5)
        let authority = try #require(world[1].mirror).authority
        func may(_ teller: Int, _ region: UInt16, _ origin: UInt16, _ incarnation: UInt64 = 5) -> Bool {
            let cursor = CursorReport.Cursor(
                region: RegionNumber(region), incarnation: Incarnation(incarnation),
                point: LogPoint(startOf: Sample.log(0, region: origin)))
            return authority.mayReport(cursor, by: RegionNumber(UInt16(teller)))
        }
        // Its own, on the origin's logs and on a third's.
        #expect(may(2, 2, 1) && may(2, 2, 3) && may(2, 2, 2))
        // A relay: another member's, on the logs of the one that is told.
        #expect(may(2, 3, 1))
        // Another member's on a third's logs, or in the name of the one that is told, of nobody, or by nobody.
        #expect(!may(2, 3, 3) && !may(2, 3, 2) && !may(2, 1, 1) && !may(2, 9, 1) && !may(9, 9, 1))
    }

    @Test("A7, Report: a third region's cursor on a third region's log is not passed on")
    func forgedCursorsAreNotRelayed() throws {
        let world = try world(6)
        let (foreign, own) = (world[2].own(0), world[1].own(0))
        try world[1].append(to: 0)
        try world[2].append(to: 0)
        world.run(.seconds(1))
        // Region 3 speaks for region 2 of region 2's logs, and for a start of region 2 that no clock can have made.
        var forged = report(world, by: 3, of: 2, on: foreign)
        forged.cursors += [
            .init(region: RegionNumber(2), incarnation: Incarnation(.max), point: LogPoint(startOf: own))
        ]
        #expect(try call(world, as: 3, CursorReport.path, forged.encoded) == nil)
        let core = try #require(world[1].mirror).core
        #expect(core.state.withLock { $0.relayed[.init(log: foreign, region: RegionNumber(2))] } == nil)
        // Region 2's true cursors still count.
        try world[1].append(to: 0)
        #expect(world.run { world[1].consumer.cursor(of: 2, in: own) == world[1].end(of: own) })
    }
}
