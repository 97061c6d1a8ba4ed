// One region's death and return, under load: what its users saw, what the others held, what came back.

package import ClusterModel
import NodeEnvironment

/// How one kill went.
package struct KillRecord: Hashable, Sendable {
    package var region: String
    /// From the beginning of the story to the kill.
    package var after: Duration
    /// From the kill until it served again.
    package var downFor: Duration
    package var outage: Outage
    /// What the survivors lacked, at the kill and at any look until the return.
    package var point: RecoveryPoint
    /// From serving again until it held all that the others held; nil when that took too long.
    package var catchUp: Duration?
    /// Acknowledged before the return and not in every region afterwards.
    package var missing: [EventID]

    /// `excused`: whether what the survivors lacked may stay away, since the disk was lost.
    package func complaints(excused: Bool = false) -> [String] {
        var complaints: [String] = []
        if !point.remote.isEmpty {
            complaints.append("\(point.remote.count) events acknowledged remote were in no survivor of \(region)")
        }
        if catchUp == nil { complaints.append("\(region) did not catch up within \(QuickstartLimits.catchUp)") }
        let lost = excused ? missing.filter { !Set(point.local).contains($0) } : missing
        if !lost.isEmpty {
            complaints.append(
                "\(lost.count) acknowledged events are missing after the return of \(region), such as \(lost[0])")
        }
        return complaints
    }
}

/// Kills a region of a stage and brings it back.
package struct RegionStrike: Sendable {
    private let stage: FleetStage
    private let startedAt: BootInstant

    package init(_ stage: FleetStage) {
        self.stage = stage
        startedAt = stage.environment.clock.bootTime()
    }

    private var clock: any NodeClock { stage.environment.clock }

    /// SIGKILL to region `victim` now; it stays away for about `downtime`. `beforeReturn` works on its files; `afterKill`
    /// runs once it is dead, `afterStart` once it serves again.
    package func run(
        _ victim: Int, downtime: Duration, excusesTail: Bool = false,
        afterKill: @Sendable () async throws -> Void = {},
        beforeReturn: @Sendable () async throws -> Void = {},
        afterStart: @Sendable () async throws -> Void = {}
    ) async throws -> KillRecord {
        let (fleet, service) = (stage.fleet, stage.traffic.service)
        let killedAt = clock.bootTime()
        service.onKill(of: victim)
        try await fleet.nodes[victim].kill()
        try await afterKill()
        var point = try await look(victim)
        try await clock.sleep(until: max(clock.bootTime(), killedAt.advanced(by: downtime)))
        point.formUnion(try await look(victim))
        let before = try stage.acknowledged()
        let survivors = try await held(by: fleet.others(than: victim))
        try await beforeReturn()
        try await fleet.nodes[victim].start()
        let outage = service.onReturn(of: victim)
        let servedAt = clock.bootTime()
        try await afterStart()
        let caughtUp = try await stage.operators.waitUntil(victim, holds: survivors)
        let catchUp = clock.bootTime().since(servedAt)
        let excused = excusesTail ? Set(point.local) : []
        return KillRecord(
            region: fleet.name(of: victim), after: killedAt.since(startedAt), downFor: servedAt.since(killedAt),
            outage: outage ?? Outage(region: victim, beganAt: killedAt), point: point,
            catchUp: caughtUp ? catchUp : nil,
            missing: try await missing(before.filter { !excused.contains($0.id) }))
    }

    /// What was acknowledged by the victim and is in no survivor.
    private func look(_ victim: Int) async throws -> RecoveryPoint {
        let survivors = try await stage.operators.settled(stage.fleet.others(than: victim))
        return RecoveryPoint(
            of: RegionNumber(UInt16(victim + 1)), try stage.acknowledged(), survivors: survivors)
    }

    private func held(by regions: [Int]) async throws -> HeldPositions {
        var all = HeldPositions()
        for region in regions { all = all.union(try await stage.operators.held(by: region)) }
        return all
    }

    /// The events that some region does not hold, once all have had time to get them.
    private func missing(_ acknowledged: [Acknowledgement]) async throws -> [EventID] {
        let deadline = clock.bootTime().advanced(by: QuickstartLimits.catchUp)
        var missing: Set<EventID> = []
        for region in stage.fleet.indices {
            var open = acknowledged.filter { $0.place != nil }
            while true {
                let held = try await stage.operators.held(by: region)
                open.removeAll { $0.place.map(held.holds) ?? true }
                guard !open.isEmpty, clock.bootTime() < deadline else { break }
                try await clock.sleep(for: QuickstartLimits.stillness)
            }
            missing.formUnion(open.map(\.id))
        }
        return missing.sorted()
    }
}
