// A start among too many that are not settled: it serves reads and mirrors, and opens its incarnation by itself later (S1b).

import ClusterModel
import EventLog
import Logging
import NodeEnvironment
import RegionMirror

/// Asks the gate again and again, with what mirrors and tables say now.
struct OpeningWait: Sendable {
    let log: any EventLogEngine
    let mirror: RegionMirror
    let floors: FloorKeeper
    /// Whether what is settled leaves (log.trim).
    let settles: Bool
    /// Of the other regions.
    let names: [RegionNumber: String]
    /// With so many nothing is opened.
    let limit: Int
    let clock: any NodeClock
    let logger: Logger

    private static let interval: Duration = .seconds(1)

    /// As of now. Complexity: O(logs).
    var gate: OpeningGate {
        let own = log.logs().lazy.map(\.log).filter { [region = mirror.region] in $0.name.region == region }
        var tips: [LogName: Incarnation] = [:]
        for ends in floors.known where ends.name.region == mirror.region { tips[ends.name] = ends.writer }
        var counts: [LogName: (all: Int, unrecorded: Int)] = [:]
        for log in own {
            counts[log.name, default: (0, 0)].all += 1
            if log.incarnation >= tips[log.name] ?? Incarnation(0) { counts[log.name, default: (0, 0)].unrecorded += 1 }
        }
        let most = counts.max { ($0.value.all, $1.key) < ($1.value.all, $0.key) }
        return OpeningGate(
            unsettled: most?.value.all ?? 0, unrecorded: counts.values.map(\.unrecorded).max() ?? 0,
            absent: mirror.links().filter { !$0.isConnected }.map(\.name),
            slowest: most.flatMap { floors.slowest(of: $0.key) }.map { names[$0] ?? "\($0.rawValue)" },
            settles: settles, limit: limit)
    }

    /// Returns once an incarnation may be opened. `onObstacle` hears what has to come first, now and when that changes. Throws
    /// CancellationError only.
    func run(_ onObstacle: @Sendable (String) -> Void) async throws {
        var said = ""
        while let obstacle = gate.obstacle {
            if obstacle != said {
                onObstacle(obstacle)
                logger.error(
                    "too many starts are not settled: writes are refused; see Runbooks/starts-unsettled.md",
                    metadata: ["reason": "\(obstacle)"])
            }
            said = obstacle
            try await clock.sleep(for: Self.interval)
        }
    }
}
