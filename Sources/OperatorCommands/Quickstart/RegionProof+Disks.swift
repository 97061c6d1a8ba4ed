// A region returns with an old copy of its disk, or with none.

import ClusterModel
import Datasets
import FoundationEssentials
import MeridianClient
import MeridianProtocol
import NodeEnvironment

extension RegionProof {
    // MARK: An old copy

    /// The copy is taken under load, the kill comes when the others hold everything: what the old disk lacks comes back
    /// from them, and nothing that was acknowledged is lost.
    func oldDisk(
        _ stage: FleetStage, _ source: ReplaySource, _ moments: inout SeededGenerator
    ) async throws -> RegionStory {
        let victim = Int(moments.next() % UInt64(plan.regions))
        let node = stage.fleet.nodes[victim]
        let copy = "\(node.directory)/old-data"
        let before = try await stage.traffic.run(load, source: source, endsWithBody: true) { [environment, extent] _ in
            try await environment.clock.sleep(for: extent.calm)
            await node.freeze()
            // Thawed before the error goes on, or the end of the run would wait for it.
            let copied = Result { () throws(OperatorFailure) in try DirectoryCopy.make(of: node.journalPath, at: copy) }
            await node.thaw()
            try copied.get()
            try await environment.clock.sleep(for: extent.calm)
        }
        _ = try await stage.operators.settled(Array(stage.fleet.indices))
        let record = try await RegionStrike(stage).run(
            victim, downtime: extent.calm / 2,
            beforeReturn: { try DirectoryCopy.restore(copy, over: node.journalPath) })
        let after = try await calm(stage, source)
        var story = RegionStory(.oldDisk, verdict: try await stage.verdict(say: say))
        story.onPhase(before.measurement)
        story.onPhase(after)
        story.onQuietKill(record)
        return story
    }

    // MARK: No disk

    /// A user's event that was acknowledged while no other region could have it.
    private struct TailWrite: Sendable {
        var user: String
        var token: [UInt8]
        var id: EventID
    }

    private static let tailWrites = 64

    /// The others are frozen while the victim takes writes, then the victim dies and loses its disk: what is missing is
    /// what was reported as the un-mirrored tail, and sessions that name it are told so.
    func lostDisk(
        _ stage: FleetStage, _ source: ReplaySource, _ moments: inout SeededGenerator
    ) async throws -> RegionStory {
        let victim = Int(moments.next() % UInt64(plan.regions))
        let node = stage.fleet.nodes[victim]
        let others = stage.fleet.others(than: victim).map { stage.fleet.nodes[$0] }
        let before = try await calm(stage, source)
        for other in others { await other.freeze() }
        let writes: [TailWrite]
        do {
            writes = try await writeTail(stage, victim)
        } catch {
            for other in others { await other.thaw() }
            throw error
        }
        let record = try await RegionStrike(stage).run(
            victim, downtime: extent.calm / 2, excusesTail: true,
            afterKill: { for other in others { await other.thaw() } },
            beforeReturn: { try DirectoryCopy.delete(node.journalPath) })
        let tail = Set(record.point.local)
        var story = RegionStory(.lostDisk)
        story.complaints += try await askForTail(stage, writes.filter { tail.contains($0.id) })
        let after = try await calm(stage, source)
        story.verdict = try await stage.verdict(excused: tail, say: say)
        story.onPhase(before)
        story.onPhase(after)
        story.onQuietKill(record, excused: true)
        story.onTail(tail)
        return story
    }

    private func calm(_ stage: FleetStage, _ source: ReplaySource) async throws -> ReplayMeasurement {
        try await stage.traffic.run(load, source: source, endsWithBody: true) { [environment, extent] _ in
            try await environment.clock.sleep(for: extent.calm)
        }.measurement
    }

    private func writeTail(_ stage: FleetStage, _ victim: Int) async throws -> [TailWrite] {
        let client = try stage.fleet.makePinnedClient(victim)
        var writes: [TailWrite] = []
        do {
            for number in 0..<Self.tailWrites {
                let user = "tail-\(number)"
                var event = Meridian_V1_Interaction()
                event.kind = .click
                event.contentID = "tail"
                event.id = client.makeEventID()
                let acknowledged = ReportReceipt(try await client.report([event], of: user)).acknowledged
                try await stage.traffic.file(acknowledged)
                writes += acknowledged.map {
                    TailWrite(user: user, token: client.sessionToken(of: user), id: $0.id)
                }
            }
        } catch {
            await client.close()
            throw error
        }
        await client.close()
        return writes
    }

    /// Every region must say LOST_TAIL to a session that names an event of the tail, once ends are agreed (S12).
    private func askForTail(_ stage: FleetStage, _ writes: [TailWrite]) async throws -> [String] {
        var complaints: [String] = []
        for region in stage.fleet.indices {
            let client = try stage.fleet.makePinnedClient(region)
            let untold = await untold(client, writes)
            await client.close()
            if untold > 0 {
                complaints.append(
                    "\(stage.fleet.name(of: region)) does not say LOST_TAIL to \(untold) of \(writes.count) sessions")
            }
        }
        return complaints
    }

    private func untold(_ client: MeridianClient, _ writes: [TailWrite]) async -> Int {
        let deadline = environment.clock.bootTime().advanced(by: QuickstartLimits.catchUp)
        var open = writes
        while !open.isEmpty, !Task.isCancelled, environment.clock.bootTime() < deadline {
            var still: [TailWrite] = []
            for write in open {
                var request = Meridian_V1_NextContentRequest()
                (request.userID, request.count, request.sessionToken) = (write.user, 1, .init(write.token))
                // A region that is rebuilding is asked again.
                let reply = try? await client.call(.nextContent, request)
                if reply?.lostTail != true { still.append(write) }
            }
            open = still
            guard !open.isEmpty else { break }
            // Cancelled, the wait is over early, and the loop ends.
            try? await environment.clock.sleep(for: QuickstartLimits.stillness)
        }
        return open.count
    }
}
