// A disk that answers nobody for half a minute and then goes on (FAULTS 1.16).

import ClusterModel
import MeridianClient
import MeridianNode
import MeridianProtocol
import NodeEnvironment
import SimulatedEnvironment

/// What callers met before, while and after the disk stood still.
package struct StalledDiskOutcome: Hashable, Sendable {
    package var askedDuring = 0
    /// Acknowledged as `local` while nothing could reach the disk.
    package var acknowledgedDuring = 0
    /// Why writes were refused then, or given up by their callers.
    package var refusals: Set<String> = []
    /// Reads that were answered all the while.
    package var readDuring = 0
    /// Sent again once the disk answered, and still not acknowledged.
    package var missingAfterwards = 0
    /// What the disk holds, compared with what was acknowledged: each once.
    package var violations: [String] = []
}

/// Runs one seed. Throws `SimulationError` when the node does not come back.
package struct StalledDiskScenario {
    private let seed: UInt64
    private static let stall: Duration = .seconds(30)

    package init(seed: UInt64) { self.seed = seed }

    package func run() throws -> StalledDiskOutcome {
        let simulation = Simulation(seed: seed)
        let configuration = try NodeScenario.configuration()
        let machine = simulation.machine("node")
        let ledger = EventLedger(seed: seed)
        let run = NodeRun(machine: machine, configuration: configuration, acceptsCorruption: false)
        typealias Life = (outcome: StalledDiskOutcome, digests: [PartitionID: Digest128])
        let life = try simulation.drive(limit: .seconds(300)) { () async throws -> Life in
            run.start()
            let phone = simulation.machine("phone").environment
            guard let region = RegionEndpoints([configuration.listen.api], security: .plaintext) else {
                return (StalledDiskOutcome(), [:])
            }
            let caller = Caller(
                client: try MeridianClient(region: region, environment: phone), clock: phone.clock, ledger: ledger)
            let outcome = try await caller.live(over: Self.stall, of: machine)
            let digests = try await caller.digests()
            await caller.client.close()
            try await run.stop()
            return (outcome, digests)
        }
        let audit = DiskAudit(machine: machine, configuration: configuration, acceptsCorruption: false, ledger: ledger)
        try simulation.drive { try await audit.run(servedDigests: life.digests) }
        var outcome = life.outcome
        outcome.violations = ledger.violations.map(\.description)
        return outcome
    }
}

/// Reports and reads, one call after the other.
private struct Caller {
    let client: MeridianClient
    let clock: any NodeClock
    let ledger: EventLedger

    func live(over stall: Duration, of machine: SimulatedMachine) async throws -> StalledDiskOutcome {
        var outcome = StalledDiskOutcome()
        var events = [makeEvent(0)]
        // Waits for the node to serve.
        _ = await report(events[0], within: .seconds(30), retry: RetryPolicy())
        machine.stallDisk(for: stall)
        // A group that a thread had begun is done.
        try await clock.sleep(for: .milliseconds(5))
        let end = clock.bootTime().advanced(by: stall - .seconds(2))
        while clock.bootTime() < end {
            let event = makeEvent(events.count)
            events.append(event)
            outcome.askedDuring += 1
            if let reason = await report(event, within: .seconds(1)) {
                outcome.refusals.insert(reason)
            } else {
                outcome.acknowledgedDuring += 1
            }
            // A refusal is counted by what follows.
            let slate = try? await client.nextContent(
                for: "reader", options: CallOptions(timeout: .milliseconds(200), retry: .never))
            if slate != nil { outcome.readDuring += 1 }
            try await clock.sleep(for: .milliseconds(100))
        }
        try await clock.sleep(for: .seconds(4))
        for event in events {
            guard let reason = try await reportAgain(event) else { continue }
            outcome.missingAfterwards += 1
            outcome.refusals.insert("afterwards: \(reason)")
        }
        return outcome
    }

    /// A client that was refused for half a minute turns some calls away itself: whoever calls it sends those again.
    private func reportAgain(_ event: Meridian_V1_Interaction) async throws -> String? {
        var reason = await report(event, within: .seconds(20), retry: RetryPolicy())
        for _ in 0..<10 where reason == "THROTTLED_BY_CLIENT" {
            try await clock.sleep(for: .seconds(1))
            reason = await report(event, within: .seconds(20), retry: RetryPolicy())
        }
        return reason
    }

    private func makeEvent(_ number: Int) -> Meridian_V1_Interaction {
        var event = Meridian_V1_Interaction()
        event.id = client.makeEventID()
        event.kind = .click
        event.contentID = "c\(number % 7)"
        return event
    }

    /// Nil once it is acknowledged; else why not.
    private func report(
        _ event: Meridian_V1_Interaction, within limit: Duration, retry: RetryPolicy = .never
    ) async -> String? {
        let id = EventID(event.id)
        ledger.sent([id], local: true)
        do throws(MeridianClientError) {
            let reply = try await client.report(
                [event], of: "user", options: CallOptions(timeout: limit, retry: retry))
            guard let result = reply.results.first else { return "nothing" }
            switch result.outcome {
            case .applied: ledger.acknowledged(id, .local(AcknowledgedPlace(result.position)))
            case .duplicate: ledger.acknowledged(id, .local(nil))
            default: return "\(result.code)"
            }
            return nil
        } catch {
            return error.reason.isEmpty ? error.code.description : error.reason
        }
    }

    func digests() async throws -> [PartitionID: Digest128] {
        let reply = try await client.digest(options: CallOptions(timeout: .seconds(60)))
        var digests: [PartitionID: Digest128] = [:]
        for partition in reply.partitions { digests[PartitionID(partition.partition)] = Digest128(partition.digest) }
        return digests
    }
}
