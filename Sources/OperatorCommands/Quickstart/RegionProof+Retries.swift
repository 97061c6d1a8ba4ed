// The same events again and again, through all regions, in random order, with restarts in between (S5).

import ClusterModel
import MeridianClient
import MeridianProtocol
import NodeEnvironment

extension RegionProof {
    /// Sends of one event.
    private static let sendsPerEvent = 10
    private static let users = 50
    /// Events of one report.
    private static let eventsPerReport = 8
    private static let workers = 8

    /// Reports to be sent, in a random order, each with the region that it goes to.
    private struct Sending: Sendable {
        var region: Int
        var user: String
        var events: [Meridian_V1_Interaction]
    }

    func retries(_ stage: FleetStage, _ moments: inout SeededGenerator) async throws -> RegionStory {
        let clients = try stage.fleet.makePinnedClients()
        let sendings = sendings(clients[0], &moments)
        let victims = (0..<2).map { ($0 + Int(moments.next() % UInt64(plan.regions))) % plan.regions }
        let third = sendings.count / 3
        var records: [KillRecord] = []
        var receipts: [ReportReceipt] = []
        do {
            for part in 0..<3 {
                let end = part == 2 ? sendings.count : third * (part + 1)
                let sent = Array(sendings[third * part..<end])
                async let received = send(sent, clients, stage)
                if part < 2 {
                    records.append(try await RegionStrike(stage).run(victims[part], downtime: extent.calm / 2))
                }
                receipts += try await received
            }
        } catch {
            for client in clients { await client.close() }
            throw error
        }
        for client in clients { await client.close() }
        var story = RegionStory(.retries, verdict: try await stage.verdict(say: say))
        story.onRetries(receipts)
        for record in records { story.onQuietKill(record) }
        return story
    }

    private func sendings(_ client: MeridianClient, _ moments: inout SeededGenerator) -> [Sending] {
        var reports: [Sending] = []
        let events = extent.retries / Self.sendsPerEvent
        for first in stride(from: 0, to: events, by: Self.eventsPerReport) {
            let batch = (first..<min(first + Self.eventsPerReport, events)).map { number in
                var event = Meridian_V1_Interaction()
                event.kind = .click
                event.contentID = "retried-\(number % 97)"
                event.id = client.makeEventID()
                return event
            }
            reports.append(
                Sending(region: 0, user: "retrier-\(reports.count % Self.users)", events: batch))
        }
        var sendings = Array(repeating: reports, count: Self.sendsPerEvent).flatMap(\.self)
        sendings.shuffle(using: &moments)
        for index in sendings.indices {
            sendings[index].region = Int(moments.next() % UInt64(plan.regions))
            sendings[index].events.shuffle(using: &moments)
        }
        return sendings
    }

    private func send(
        _ sendings: [Sending], _ clients: [MeridianClient], _ stage: FleetStage
    ) async throws -> [ReportReceipt] {
        try await withThrowingTaskGroup(of: [ReportReceipt].self) { group in
            for worker in 0..<Self.workers {
                group.addTask {
                    var receipts: [ReportReceipt] = []
                    for index in stride(from: worker, to: sendings.count, by: Self.workers) {
                        let sending = sendings[index]
                        let reply = try await clients[sending.region].report(
                            sending.events, of: sending.user, options: CallOptions(timeout: QuickstartLimits.call))
                        let receipt = ReportReceipt(reply)
                        try await stage.traffic.file(receipt.acknowledged)
                        receipts.append(receipt)
                    }
                    return receipts
                }
            }
            var all: [ReportReceipt] = []
            for try await receipts in group { all += receipts }
            return all
        }
    }
}
