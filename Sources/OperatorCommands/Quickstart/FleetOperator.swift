// What a quick start asks its regions as their operator: digests, logs, mirrors.

import ClusterModel
import MeridianClient
import MeridianProtocol
package import NodeEnvironment

/// One operator's client a region. Close it when the fleet has ended.
package struct FleetOperator: Sendable {
    private let fleet: RegionFleet
    private let clients: [MeridianClient]
    private let environment: NodeEnvironment
    private static let once = CallOptions(timeout: .seconds(5))
    /// Between two looks at something that is waited for.
    private static let pause: Duration = .milliseconds(20)

    package init(_ fleet: RegionFleet, environment: NodeEnvironment) throws(OperatorFailure) {
        self.fleet = fleet
        self.environment = environment
        var clients: [MeridianClient] = []
        for node in fleet.nodes { clients.append(try node.makeClient()) }
        self.clients = clients
    }

    package func close() async { for client in clients { await client.close() } }

    // MARK: Positions

    package func held(by region: Int) async throws(OperatorFailure) -> HeldPositions {
        do throws(MeridianClientError) {
            return HeldPositions(try await clients[region].logStats(options: Self.once))
        } catch {
            throw OperatorFailure(error, doing: "asking \(fleet.name(of: region)) for its logs")
        }
    }

    /// What all of `regions` hold together, once that has stood still: what was under way to them has arrived.
    package func settled(_ regions: [Int]) async throws -> HeldPositions {
        let deadline = environment.clock.bootTime().advanced(by: QuickstartLimits.settle)
        var last: [HeldPositions] = []
        while true {
            var all: [HeldPositions] = []
            for region in regions { all.append(try await held(by: region)) }
            // Their own logs grow while users write: what they hold of others must stand still.
            let others = all.map { $0.without(Set(regions.map { RegionNumber(UInt16($0 + 1)) })) }
            if others == last || environment.clock.bootTime() >= deadline {
                return all.reduce(HeldPositions()) { $0.union($1) }
            }
            last = others
            try await environment.clock.sleep(for: QuickstartLimits.stillness)
        }
    }

    /// Waits until `region` holds everything in `others`; false when the limit passed first.
    package func waitUntil(_ region: Int, holds others: HeldPositions) async throws -> Bool {
        let deadline = environment.clock.bootTime().advanced(by: QuickstartLimits.catchUp)
        while environment.clock.bootTime() < deadline {
            if try await held(by: region).covers(others) { return true }
            try await environment.clock.sleep(for: Self.pause)
        }
        return false
    }

    // MARK: Digests

    /// Traffic has ended: waits until all regions show equal digests at equal vectors, or the limit has passed.
    package func converge() async throws -> ConvergenceWatch {
        let deadline = environment.clock.bootTime().advanced(by: QuickstartLimits.catchUp)
        var watch = ConvergenceWatch()
        while !watch.isOver, environment.clock.bootTime() < deadline {
            watch.onReports(try await digests())
            try await environment.clock.sleep(for: Self.pause)
        }
        return watch
    }

    private func digests() async throws -> [DigestReport] {
        try await withThrowingTaskGroup(of: (Int, DigestReport).self) { group in
            for region in fleet.indices {
                group.addTask {
                    do throws(MeridianClientError) {
                        return (region, DigestReport(try await clients[region].digest(options: Self.once)))
                    } catch {
                        throw OperatorFailure(error, doing: "asking \(fleet.name(of: region)) for digests")
                    }
                }
            }
            var reports: [(Int, DigestReport)] = []
            for try await report in group { reports.append(report) }
            return reports.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    // MARK: Lag

    /// From a record's stamp to another region's disk, over the last minute: the slowest link. Nil without records.
    package func mirrorLag() async -> MirrorLag? {
        var lag: MirrorLag?
        for client in clients {
            // A region that does not answer now has no figures.
            guard let status = try? await client.status(options: Self.once) else { continue }
            for mirror in status.mirrors where mirror.hasLagP99Ms {
                let link = MirrorLag(p50: mirror.lagP50Ms, p99: mirror.lagP99Ms)
                lag = lag.map { MirrorLag(p50: max($0.p50, link.p50), p99: max($0.p99, link.p99)) } ?? link
            }
        }
        return lag
    }
}

/// Milliseconds.
package struct MirrorLag: Hashable, Sendable {
    package var p50: Double
    package var p99: Double
}
