// Seals and agreed ends between whole mirrors (S1a).

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment
import Synchronization
import Testing

@testable import RegionMirror

@Suite struct MirrorSealTests {
    private static let origin = RegionNumber(9)
    private static let later = Incarnation(8)
    private static let round = SealRound(origin: origin, incarnation: later)
    private let log = Sample.log(0, region: 9)

    /// Region 1 holds all of a lost region's log, region 2 the first `count` batches; both run, cut from each other.
    private func world(seed: UInt64, second count: Int, of total: Int = 5) throws -> MirrorWorld {
        let world = MirrorWorld(seed: seed, regions: 2)
        world.simulation.network.cut("r1", "r2")
        world.startAll()
        world.run(.milliseconds(50))
        let chain = try Sample.chain(log, total)
        for batch in chain { try world[1].log?.submit(batch) }
        for batch in chain.prefix(count) { try world[2].log?.submit(batch) }
        world.run(.milliseconds(50))
        return world
    }

    private func seal(_ world: MirrorWorld, _ region: Int) throws -> SealAnswer {
        let mirror = try #require(world[region].mirror)
        return try world.simulation.drive { try await mirror.seal(SealQuestion(Self.round)) }
    }

    @Test("S1a: what is sealed is not extended, also not after a restart, and is served as it is")
    func sealed() throws {
        let world = try world(seed: 1, second: 2)
        let answer = try seal(world, 2)
        let end = try #require(world[2].log?.summary(of: log))
        #expect(answer.lengths == [LogPoint(log: log, offset: Offset(4), digest: end.endDigest)])
        world.simulation.network.healAll()
        try world[1].append(to: 0)
        #expect(world.run { world[2].end(of: world[1].own(0)) == Offset(3) })
        #expect(world[2].end(of: log) == Offset(4))
        world[2].crash()
        world.start(2)
        #expect(world.run { world[2].link(to: 1)?.isConnected == true })
        world.run(.seconds(2))
        #expect(world[2].end(of: log) == Offset(4))
        #expect(try seal(world, 2) == answer)
    }

    @Test("S1a: two seals at once are both kept")
    func sealsAtOnce() throws {
        let world = try world(seed: 2, second: 2)
        let mirror = try #require(world[2].mirror)
        try world.simulation.drive {
            async let one = mirror.seal(SealQuestion(Self.round))
            async let other = mirror.seal(SealQuestion(Sample.round(1, below: 3)))
            _ = try await (one, other)
        }
        world[2].crash()
        world[2].machine.restart()
        let book = try SealFile(
            directory: MirrorRegion.directory, files: world[2].machine.environment.files
        ).load()
        #expect(book.covers(Self.origin, below: Self.later) && book.covers(RegionNumber(1), below: Incarnation(3)))
    }

    @Test("S1a: a seal waits for what was handed down, and is not given while the disk does not take it")
    func waitsForTheFlush() throws {
        let world = MirrorWorld(seed: 3, regions: 2)
        var faults = EngineFaults()
        faults.held = [log]
        world.start(1)
        world.start(2, faults)
        world.run(.milliseconds(50))
        for batch in try Sample.chain(log, 3) { try world[1].log?.submit(batch) }
        try #require(world.run { world[2].log?.taken == 3 })
        let error = #expect(throws: MirrorError.self) { try seal(world, 2) }
        #expect(error?.code == .notFlushed)
        try world[2].log?.release()
        let answer = try seal(world, 2)
        #expect(answer.lengths.map(\.offset) == [Offset(6)])
    }

    @Test("S1a: agreed ends that a peer tells reach the consumer, and lift the seal up to the end")
    func agreedEndsTravel() throws {
        let world = try world(seed: 4, second: 1)
        _ = try seal(world, 2)
        world.simulation.network.healAll()
        world.run(.seconds(1))
        #expect(world[2].end(of: log) == Offset(2))
        let ends = try Sample.ends(log.name, writer: Self.later.rawValue, [(7, 6)])
        world[1].mirror?.onAgreed(ends, base: .genesis)
        #expect(world.run { world[2].consumer.ends == [ends] })
        #expect(world.run { world[2].end(of: log) == Offset(6) })
        world.run(.seconds(1))
        #expect(world[2].end(of: log) == Offset(6) && world[1].end(of: log) == Offset(10))
        #expect(world[2].link(to: 1)?.stopped.isEmpty == true)
        #expect(try seal(world, 2).agreed == [ends])
    }

    @Test("S1a: nothing beyond an agreed end is served, to nobody, from the disk or from memory")
    func nothingBeyondTheEnd() throws {
        for restarts in [false, true] {
            let world = try world(seed: 5, second: 0)
            if restarts {
                world[1].kill()
                world.start(1)
                world.run(.milliseconds(50))
            }
            world[1].mirror?.onAgreed(
                try Sample.ends(log.name, writer: Self.later.rawValue, [(7, 4)]), base: .genesis)
            world.simulation.network.healAll()
            #expect(world.run { world[2].end(of: log) == Offset(4) })
            world.run(.seconds(2))
            #expect(world[2].end(of: log) == Offset(4))
        }
    }

    private func lift(_ world: MirrorWorld, _ region: Int, to end: UInt64) throws -> LiftAnswer {
        let mirror = try #require(world[region].mirror)
        let collected = try Sample.collected(log.name, Self.round, [(7, end)])
        return try world.simulation.drive { try await mirror.lift(to: collected) }
    }

    @Test("S1a: collected ends open a seal, wait until all is flushed here, and are told to nobody")
    func collected() throws {
        let world = try world(seed: 6, second: 1)
        _ = try seal(world, 1)
        _ = try seal(world, 2)
        #expect(try lift(world, 2, to: 8) == .notYet)
        world.simulation.network.healAll()
        #expect(try lift(world, 2, to: 8) == .reached)
        #expect(world[2].end(of: log) == Offset(8))
        #expect(try lift(world, 1, to: 8) == .reached)
        world.run(.seconds(1))
        #expect(world[2].end(of: log) == Offset(8))
        #expect(world[1].consumer.ends.isEmpty)
        #expect(world[2].mirror?.agreedWriter(of: log.name) == nil)
    }

    @Test("S1a: a member that started since its seal says so, and extends nothing")
    func liftAfterRestart() throws {
        let world = try world(seed: 8, second: 1)
        _ = try seal(world, 2)
        world[2].crash()
        world.start(2)
        world.simulation.network.healAll()
        world.run(.seconds(1))
        #expect(try lift(world, 2, to: 8) == .otherRound)
        world.run(.seconds(1))
        #expect(world[2].end(of: log) == Offset(2))
    }

    @Test("S1a: a damaged file of seals keeps a member from starting")
    func damagedSeals() throws {
        let world = try world(seed: 7, second: 1)
        _ = try seal(world, 2)
        world[2].kill()
        world[2].machine.restart()
        let files = world[2].machine.environment.files
        for name in try files.list(MirrorRegion.directory) where name.hasPrefix("seals-") {
            let file = try files.open("\(MirrorRegion.directory)/\(name)", .readWrite)
            try file.write([0xff], at: 12)
            try file.synchronizeData()
        }
        world.start(2)
        world.run(.milliseconds(100))
        #expect(world[2].process == nil)
        guard case .failure(let error as MirrorError)? = world[2].machine.currentTask?.outcome else {
            Issue.record("the member started")
            return
        }
        #expect(error.code == .sealsUnreadable)
    }
}
