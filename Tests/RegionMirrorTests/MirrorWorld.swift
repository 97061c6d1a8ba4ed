// Regions on simulated machines: real logs, real mirrors, a consumer that writes down what it hears.

import ClusterModel
import EventLog
import Logging
import NodeEnvironment
import SegmentLog
import SimulatedEnvironment
import Synchronization

@testable import RegionMirror

/// Regions 1, 2, … of one deployment. Everything happens in virtual time, from one thread.
final class MirrorWorld: Sendable {
    static let deployment = "games"
    static let heartbeat: Duration = .milliseconds(200)
    static let stallTimeout: Duration = .milliseconds(600)

    let simulation: Simulation
    let regions: [MirrorRegion]
    private let settings: @Sendable (inout MirrorSettings) -> Void

    init(
        seed: UInt64, regions count: Int, settings: @escaping @Sendable (inout MirrorSettings) -> Void = { _ in }
    ) {
        let simulation = Simulation(seed: seed)
        self.simulation = simulation
        self.settings = settings
        regions = (1...count).map { MirrorRegion(UInt16($0), machine: simulation.machine("r\($0)")) }
    }

    subscript(_ region: Int) -> MirrorRegion { regions[region - 1] }

    /// What a process that says it is `region` and listens at `endpoint` is told.
    func settings(of region: Int) -> MirrorSettings {
        let peers = regions.indices.filter { $0 + 1 != region }.map { index in
            MirrorPeer(
                region: RegionNumber(UInt16(index + 1)), name: "r\(index + 1)",
                endpoints: [MirrorRegion.endpoint(index + 1)])
        }
        var settings = MirrorSettings(
            region: RegionNumber(UInt16(region)), deploymentID: Self.deployment, applyVersion: 1, peers: peers,
            security: .mutualTLS(
                SimulatedHandshake.identity(uri: "meridian://\(Self.deployment)/r\(region)/n1")),
            maxBytesPerSecond: 1 << 30, heartbeat: Self.heartbeat, stallTimeout: Self.stallTimeout,
            directory: MirrorRegion.directory)
        settings.regionName = "r\(region)"
        settings.formerMembers = [RegionNumber(9)]
        self.settings(&settings)
        return settings
    }

    /// Starts a region's process on its machine; what it does begins with the next `run`.
    func start(_ region: Int, _ faults: EngineFaults = EngineFaults()) {
        if !self[region].machine.isUp { self[region].machine.restart() }
        self[region].begin(settings(of: region), at: MirrorRegion.endpoint(region), faults)
    }

    func startAll() { for region in regions.indices { start(region + 1) } }

    func run(_ duration: Duration) { simulation.run(for: duration) }

    /// Whether `condition` came true within `limit`.
    func run(until limit: Duration = .seconds(60), _ condition: () -> Bool) -> Bool {
        let end = simulation.simulated + limit
        while !condition() {
            guard simulation.simulated < end else { return false }
            run(.milliseconds(5))
        }
        return true
    }

    /// Whether all regions that run hold the same logs to the same ends.
    var isEqual: Bool {
        let held = regions.compactMap { $0.log?.logs() }
        return held.allSatisfy { $0 == held.first }
    }
}

/// One region's machine and the process on it.
final class MirrorRegion: Sendable {
    struct Process: Sendable {
        var log: FaultyEngine
        var mirror: RegionMirror
        var incarnation: Incarnation
        /// Asks for a clean stop.
        var stop: AsyncStream<Void>.Continuation
    }

    private struct State {
        var process: Process?
        var starts: UInt64 = 0
        var outrunBy: Incarnation?
        var writers: [LogIdentity: OriginLogWriter] = [:]
        var generator: SeededGenerator
    }

    static let directory = "journal"

    let number: RegionNumber
    let machine: SimulatedMachine
    let consumer = RecordingConsumer()
    let shelf = SampleShelf()
    private let state: Mutex<State>

    init(_ number: UInt16, machine: SimulatedMachine) {
        self.number = RegionNumber(number)
        self.machine = machine
        state = Mutex(State(generator: SeededGenerator(seed: UInt64(number))))
    }

    static func endpoint(_ region: Int) -> Endpoint { Endpoint(host: "127.0.0.1", port: 7_000 + region) }

    var process: Process? { state.withLock(\.process) }
    var log: FaultyEngine? { process?.log }
    /// The higher number of its own line that it was told last.
    var outrunBy: Incarnation? { state.withLock(\.outrunBy) }
    var mirror: RegionMirror? { process?.mirror }
    var incarnation: Incarnation { process?.incarnation ?? Incarnation(0) }

    func begin(_ settings: MirrorSettings, at endpoint: Endpoint, _ faults: EngineFaults) {
        let incarnation = state.withLock { state in
            state.starts += 1
            // Far above every generation of links of the start before.
            return Incarnation(state.starts << 32 | UInt64(number.rawValue))
        }
        machine.start { [self] environment in
            let log = FaultyEngine(
                try SegmentLog.open(
                    directory: Self.directory, environment: environment,
                    limits: JournalLimits(segmentBytes: JournalLimits.minSegmentBytes)), faults: faults)
            let disk = environment.executors.makeDedicatedExecutor(label: "disk")
            let quiet = Logger(label: "mirror") { _ in SwiftLogNoOpLogHandler() }
            let mirror = try RegionMirror(settings, log: log, environment: environment, disk: disk, logger: quiet)
            let handler = BothHandlers(mirror.service, mirror.snapshotService(shelf))
            _ = try await environment.links.listen(on: endpoint, security: settings.security, handler: handler)
            let (stops, stop) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
            state.withLock {
                $0.process = Process(log: log, mirror: mirror, incarnation: incarnation, stop: stop)
            }
            await withTaskGroup(of: Void.self) { group in
                group.addTask { [self] in
                    await mirror.run(incarnation: incarnation, consumer: consumer) { [self] higher in
                        state.withLock { $0.outrunBy = higher }
                    }
                }
                for await _ in stops { break }
                group.cancelAll()
            }
            await mirror.part(incarnation)
        }
    }

    /// Stops as a node does: its links end, and then it says everywhere that its process is over.
    func part() { process?.stop.yield() }

    /// kill -9.
    func kill() {
        machine.kill()
        state.withLock { $0.process = nil }
    }

    /// Power is gone.
    func crash() {
        machine.crash()
        state.withLock { $0.process = nil }
    }

    func own(_ partition: Int) -> LogIdentity {
        Sample.log(UInt32(partition), region: number.rawValue, incarnation: incarnation.rawValue)
    }

    /// Appends a batch to the region's own log of a partition. The log may refuse it.
    func append(to partition: Int, records: Int = 3, bytes: Int = 60) throws {
        guard let process else { return }
        let log = own(partition)
        let stamp = HybridStamp(at: machine.clock.wallTime())
        let batch = try state.withLock { state in
            var writer = state.writers[log] ?? OriginLogWriter(log: log, epoch: Epoch(1))
            for _ in 0..<records {
                let body = (0..<bytes).map { _ in UInt8(truncatingIfNeeded: state.generator.next()) }
                let id = EventID(time: state.generator.next(), client: state.generator.next())
                _ = try writer.append(EventRecord(kind: .interaction, stamp: stamp, id: id, body: body))
            }
            defer { state.writers[log] = writer }
            return try writer.seal()
        }
        if let batch { try process.log.submit(batch) }
    }

    /// The whole log as it stands on this region's disk.
    func bytes(of log: LogIdentity) -> [[UInt8]] {
        guard let engine = self.log, engine.flushedEnd(of: log) > .zero else { return [] }
        // A log that cannot be read is not equal to any.
        return ((try? engine.read(log, from: .zero, maxBytes: .max)) ?? []).map(\.bytes)
    }

    /// Flips a bit in a batch on this region's disk; whether it was found there.
    func damage(_ batch: EncodedBatch) throws -> Bool {
        let header = batch.bytes.prefix(BatchHeader.length)
        for path in machine.disk.paths() where path.hasSuffix(".segment") {
            let file = try machine.disk.open(path, .read)
            defer { file.close() }
            let bytes = try file.read(at: 0, count: Int(try file.length()))
            for sector in stride(from: 0, to: bytes.count, by: 512) where bytes[sector] != 0 {
                // A batch that begins in this sector.
                for first in sector..<min(sector + 512, bytes.count - header.count)
                where bytes[first] == header[0] && bytes[first..<first + header.count] == header {
                    machine.disk.flipBit(of: path, byte: first + 30, bit: 2)
                    return true
                }
            }
        }
        return false
    }

    func end(of log: LogIdentity) -> Offset { self.log?.flushedEnd(of: log) ?? .zero }

    func link(to region: Int) -> MirrorFacts? {
        mirror?.links().first { $0.region == RegionNumber(UInt16(region)) }
    }
}

/// Writes down what it hears.
final class RecordingConsumer: MirroredLogConsumer {
    struct Cursor: Hashable, Sendable {
        var region: RegionNumber
        var log: LogIdentity
        var end: Offset
        var first = Offset.zero
    }

    private struct State {
        var appeared: [LogIdentity] = []
        var ends: [AgreedEnds] = []
        var cursors: [Cursor] = []
    }

    private let state = Mutex(State())
    private let check = Mutex<(@Sendable (Cursor) -> Void)?>(nil)

    var appeared: [LogIdentity] { state.withLock(\.appeared) }
    var ends: [AgreedEnds] { state.withLock(\.ends) }
    var cursors: [Cursor] { state.withLock(\.cursors) }

    /// Called with every cursor as it comes.
    func onEveryCursor(_ check: @escaping @Sendable (Cursor) -> Void) { self.check.withLock { $0 = check } }

    func cursor(of region: Int, in log: LogIdentity) -> Offset? {
        cursors.last { $0.region == RegionNumber(UInt16(region)) && $0.log == log }?.end
    }

    func logAppeared(_ log: LogIdentity) { state.withLock { $0.appeared.append(log) } }

    func endsHeard(_ ends: AgreedEnds) { state.withLock { $0.ends.append(ends) } }

    func floorMoved(of name: LogName, to floor: EndsPoint) {}

    func cursorMoved(of region: RegionNumber, in log: LogIdentity, holding held: Range<Offset>) {
        let cursor = Cursor(region: region, log: log, end: held.upperBound, first: held.lowerBound)
        state.withLock { $0.cursors.append(cursor) }
        check.withLock { $0 }?(cursor)
    }
}
