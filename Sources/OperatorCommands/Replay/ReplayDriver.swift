// Drives users against a node: per visit a slate is asked for, then what the user really did is reported.

import ClusterModel
package import Datasets
package import NodeEnvironment

/// The workers of a replay. A failed call is counted and its visit ends; the next visits go on, so a node may die and
/// return while it runs.
package struct ReplayDriver: Sendable {
    private let service: any ContentService
    private let clock: any NodeClock
    private let run: ReplayRun

    package init(_ run: ReplayRun, service: any ContentService, clock: any NodeClock) {
        self.run = run
        self.service = service
        self.clock = clock
    }

    /// Publishes the catalogue, a bounded number of items a call.
    package static func publish(
        _ items: [CatalogueItem], to service: any ContentService, progress: (Int) -> Void
    ) async throws(OperatorFailure) {
        let step = ReplayPlan.itemsPerPublication
        for start in stride(from: 0, to: items.count, by: step) {
            let end = min(start + step, items.count)
            try await service.publish(Array(items[start..<end]))
            progress(end)
        }
    }

    /// Returns when the plan's time is over and every visit that began has ended.
    package func drive() async {
        let workers = max(1, min(run.plan.window, ReplayPlan.maxWindow))
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<workers { group.addTask { await work() } }
        }
    }

    private func work() async {
        while !Task.isCancelled, let visit = await run.nextVisit() {
            do {
                try await clock.sleep(until: visit.dueAt)
            } catch {
                return
            }
            do throws(OperatorFailure) {
                try await perform(visit)
            } catch {
                await run.onFailure(error)
            }
        }
    }

    private func perform(_ visit: ReplayRun.Visit) async throws(OperatorFailure) {
        let user = visit.step.userID
        if let profile = visit.step.profile {
            let asked = clock.bootTime()
            try await service.setProfile(profile, of: user)
            await run.onProfile(asked: asked)
        }
        var asked = clock.bootTime()
        let slate = try await service.nextContent(
            for: user, count: run.plan.slateItems, requestID: visit.requestID)
        await run.onSlate(slate, asked: asked)
        asked = clock.bootTime()
        let events = Self.match(visit.step.interactions, with: slate)
        let receipt = try await service.report(events, of: user, durability: visit.durability)
        await run.onReceipt(receipt, shown: events.count { $0.shown != nil }, asked: asked)
        await run.onReported(visit.step)
    }

    /// Gives each interaction the token of its item, where the slate showed it.
    private static func match(_ interactions: [RecordedInteraction], with slate: ServedSlate) -> [InteractionToReport] {
        interactions.map { interaction in
            InteractionToReport(
                interaction: interaction, shown: slate.items.first { $0.contentID == interaction.contentID },
                slateID: slate.id)
        }
    }
}
