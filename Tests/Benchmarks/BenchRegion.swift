// One region of the mirror benchmark: a log, a mirror and its listener in this process.

import ClusterModel
import EventLog
import Logging
import NodeEnvironment
import RegionMirror
import SegmentLog
import Synchronization

/// Hears what its mirror learns and what its log flushes.
final class BenchRegion: MirroredLogConsumer {
    struct Place: Sendable {
        var number: Int
        var directory: String
        var endpoint: Endpoint
        var identity: TLSIdentity
    }

    /// An origin and who follows it.
    struct Pair: Sendable {
        var origin: Place
        var follower: Place
        var deployment: String
    }

    let log: SegmentLog
    let mirror: RegionMirror
    let incarnation: Incarnation
    private let begun: AsyncStream<Void>
    private let start: AsyncStream<Void>.Continuation
    private let commitCount = Mutex(0)
    private let cursorHandler = Mutex<(@Sendable (LogIdentity, Offset) -> Void)?>(nil)

    init(_ place: Place, following other: Place, deployment: String, _ environment: NodeEnvironment) throws {
        log = try SegmentLog.open(directory: place.directory, environment: environment)
        var settings = MirrorSettings(
            region: RegionNumber(UInt16(place.number)), deploymentID: deployment, applyVersion: 1,
            peers: [
                MirrorPeer(
                    region: RegionNumber(UInt16(other.number)), name: "r\(other.number)", endpoints: [other.endpoint])
            ], security: .mutualTLS(place.identity), maxBytesPerSecond: 1 << 40, heartbeat: .milliseconds(500),
            stallTimeout: .seconds(10), directory: place.directory)
        settings.regionName = "r\(place.number)"
        mirror = try RegionMirror(
            settings, log: log, environment: environment,
            disk: environment.executors.makeDedicatedExecutor(label: "mirror-disk"),
            logger: Logger(label: "mirror") { _ in SwiftLogNoOpLogHandler() })
        incarnation = Incarnation(UInt64(2 + place.number))
        (begun, start) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        _ = log.watch(on: environment.executors.loops[0]) { [weak self] _ in self?.commitCount.withLock { $0 += 1 } }
    }

    /// Group commits so far.
    var commits: Int { commitCount.withLock { $0 } }

    /// Lets the mirror follow.
    func begin() { start.yield() }

    func onCursor(_ handler: @escaping @Sendable (LogIdentity, Offset) -> Void) {
        cursorHandler.withLock { $0 = handler }
    }

    func run() async {
        for await _ in begun { break }
        guard !Task.isCancelled else { return }
        await mirror.run(incarnation: incarnation, consumer: self)
    }

    func logAppeared(_ log: LogIdentity) {}

    func endsHeard(_ ends: AgreedEnds) {}

    func floorMoved(of name: LogName, to floor: EndsPoint) {}

    func cursorMoved(of region: RegionNumber, in log: LogIdentity, holding held: Range<Offset>) {
        cursorHandler.withLock { $0 }?(log, held.upperBound)
    }
}

extension BenchRegion.Pair {
    /// Runs `body` with both regions, then takes them down. The follower begins at once unless `followsLater`.
    func run<Value: Sendable>(
        _ environment: NodeEnvironment, isMirrored: Bool, followsLater: Bool = false,
        _ body: @Sendable (BenchRegion, BenchRegion) async throws -> Value
    ) async throws -> Value {
        let first = try BenchRegion(origin, following: follower, deployment: deployment, environment)
        let second = try BenchRegion(follower, following: origin, deployment: deployment, environment)
        var listeners: [any Listener] = []
        for (region, place) in [(first, origin), (second, follower)] {
            listeners.append(
                try await environment.links.listen(
                    on: place.endpoint, security: .mutualTLS(place.identity), handler: region.mirror.service))
        }
        let value = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await first.run() }
            group.addTask { await second.run() }
            defer { group.cancelAll() }
            if isMirrored { first.begin() }
            if isMirrored, !followsLater { second.begin() }
            return try await body(first, second)
        }
        for listener in listeners { await listener.shutDown(by: environment.clock.bootTime()) }
        await first.log.close()
        await second.log.close()
        return value
    }
}
