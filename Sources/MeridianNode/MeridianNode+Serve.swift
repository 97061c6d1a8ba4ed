// A node that serves, until it is asked to stop and everything is on the disk.

import ActorCluster
import ClusterModel
import EventLog
import Logging
import NodeEnvironment
import OperatorAPI
import Personalization
import RegionMirror
import SegmentLog
import ServingAPI

extension MeridianNode {
    /// Leaves the mesh at the end, whatever it was.
    func live(
        _ recovery: NodeRecovery, _ joined: Joined, _ admin: any Listener, disk: any DedicatedExecutor
    ) async throws {
        do {
            let opened = try await stop.unlessRequested { [self] in
                try await open(recovery, joined, admin, disk: disk)
            }
            await serve(recovery, opened, joined.mesh, disk: disk)
            await joined.mesh?.mirror.part(opened.plan.incarnation)
        } catch {
            await leave(joined)
            throw error
        }
        await leave(joined)
    }

    /// Until shutdown, and on until what was appended is flushed: with everything that runs beside calls, some of which waits
    /// for the disk too and ends with the flush or with its limit.
    func serve(
        _ recovery: NodeRecovery, _ opened: Opened, _ mesh: NodeMesh?, disk: any DedicatedExecutor
    ) async {
        let (clock, router) = (environment.clock, opened.host.router)
        let slow = environment.executors.makeDedicatedExecutor(label: "meridian-upkeep")
        defer {
            opened.derived.shutDown()
            opened.effects.shutDown()
            slow.shutDown()
        }
        let marks = TimeMarkRun(router: router, clock: clock, bounds: configuration.timeBounds)
        let snapshots = SnapshotRun(
            router: router, store: opened.bootstrap.store, covered: recovery.covered,
            published: opened.bootstrap.published, clock: clock, executor: disk,
            interval: configuration.limits.snapshotInterval, logger: logger,
            onPublished: { [floors = opened.floors, own = configuration.region.number] in
                floors.onPublished($0, by: own)
            },
            hurries: { [floors = opened.floors] in floors.hurries })
        let bootstrap = mesh.map { mesh in
            BootstrapRun(
                log: recovery.log, mirror: mesh.mirror, router: router, snapshots: snapshots,
                wants: opened.bootstrap.wants, configuration: configuration, clock: clock, executor: slow,
                logger: logger)
        }
        if let bootstrap { status.onBootstrap(bootstrap) }
        let upkeep = LogUpkeepRun(
            log: recovery.log, mirror: mesh?.mirror, snapshots: snapshots, floors: opened.floors,
            pins: { [effects = opened.effects] in effects.pins(on: $0) },
            isShort: { bootstrap?.isNeeded ?? false }, configuration: configuration, environment: environment,
            executor: slow, logger: logger)
        status.onUpkeep(upkeep)
        opened.floors.hold { [log = recovery.log, effects = opened.effects] in effects.neededStarts(of: log.logs()) }
        let logWatch = LogWatch(log: recovery.log, status: status, clock: clock, logger: logger)
        let shardWatch = ShardWatch(router: router, status: status, clock: clock, logger: logger)
        await withTaskGroup(of: Void.self) { group in
            // Each ends by cancellation only; a CancellationError is how it says so.
            group.addTask { try? await marks.run() }
            group.addTask { try? await opened.derived.run() }  // likewise
            group.addTask { try? await snapshots.run() }  // likewise
            group.addTask { try? await logWatch.run() }  // likewise
            group.addTask { try? await shardWatch.run() }  // likewise
            group.addTask { try? await upkeep.run() }  // likewise
            group.addTask { try? await upkeep.scrub() }  // likewise
            group.addTask { try? await upkeep.watchPlace() }  // likewise
            group.addTask { try? await opened.clocks.run() }  // likewise
            group.addTask { [credentials] in try? await credentials?.run() }  // likewise
            if let bootstrap { group.addTask { try? await bootstrap.run() } }  // likewise
            group.addTask { try? await opened.effects.run(opened.serving) }  // likewise
            group.addTask { await opened.queue.run() }
            group.addTask { [streams] in await streams.run() }
            group.addTask { [probes] in await probes.run() }
            if let mesh { group.addTask { [self] in await run(mesh, opened) } }
            if let mesh { group.addTask { [self] in await agree(mesh, opened, recovery) } }
            await stop.untilRequested()
            logger.notice("draining")
            group.cancelAll()
            await drain(opened)
        }
    }

    /// Mirrors until it is cancelled. A node that hears of a later start of its own region ends: its supervisor starts it above
    /// that one (Decisions/0030).
    private func run(_ mesh: NodeMesh, _ opened: Opened) async {
        await mesh.run(opened.plan, router: opened.host.router) { [stop, logger] higher in
            let error = NodeError.outrun(by: higher)
            logger.critical("\(error)")
            stop.fail(error)
        }
    }

    /// Opens the incarnation where the start could not (S1b), then gets older ones agreed.
    private func agree(_ mesh: NodeMesh, _ opened: Opened, _ recovery: NodeRecovery) async {
        if let wait = opened.wait {
            do {
                try await wait.run { [stamps, status] obstacle in
                    stamps.hold(because: obstacle)
                    status.onWritesHeld(obstacle)
                }
                try await begin(opened.host, opened.plan, recovery, opened.clocks)
            } catch is CancellationError {
                return
            } catch {
                return stop.fail(error)
            }
            stamps.release()
            status.onWritesHeld(nil)
            logger.notice("starts are settled: writes are taken")
        }
        await mesh.agree(opened.plan, router: opened.host.router)
    }

    /// Lets the calls under way finish, then what was appended reach the disk. Whoever waits for a flush that does not come
    /// is told so: on a full disk nothing may ever move again, and what was not flushed was not acknowledged either.
    func drain(_ opened: Opened) async {
        let clock = environment.clock
        let deadline = clock.bootTime().advanced(by: configuration.limits.drainTimeout)
        await opened.api.shutDown(by: deadline)
        let flushed = max(deadline, clock.bootTime()).advanced(by: Self.flushMargin)
        let timer = environment.executors.loops[0].schedule(at: flushed) {
            opened.host.abandon(because: "the node stopped before the disk took everything")
        }
        await opened.host.drain()
        timer.cancel()
    }

    /// Throws NodeError `.stopUnfinished`. Untyped: inlined with a typed error it crashes the compiler (6.3.1).
    func close(_ log: SegmentLog) async throws {
        guard await log.close(by: environment.clock.bootTime().advanced(by: Self.closeLimit)) else {
            throw NodeError(
                .stopUnfinished, "the disk of \(configuration.log.directory) has not answered for \(Self.closeLimit)",
                nextStep: "look at the disk; what was acknowledged is there, and the next start verifies it")
        }
    }
}
