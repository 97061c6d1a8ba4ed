// A group that reads effects in one region or another, under a script (S13).

import ClusterModel
package import FoundationEssentials
import MeridianClient
package import MeridianProtocol
import NodeEnvironment
import SimulatedEnvironment

/// What a group heard in one reading.
package struct HeardEffects: Sendable {
    package var ids: [Meridian_V1_EventID] = []
    /// Where it goes on, in any region.
    package var cursor = Data()
}

extension RegionScript {
    /// Reads in `region`, from `cursor` or where the group stands there, until every one of `events` was told, and then on
    /// for as long as the region has more at once. Nil where the region does not tell them within `limit`.
    package func hear(
        _ events: [Meridian_V1_Interaction], in region: Int, group: String, from cursor: Data? = nil,
        within limit: Duration = .seconds(30)
    ) async -> HeardEffects? {
        let clock = machineOfPhones.clock
        return await withTaskGroup(of: HeardEffects?.self) { [clients] tasks in
            tasks.addTask {
                await Self.read(events.map(\.id), clients[region], group, cursor)
            }
            tasks.addTask {
                // Ends early by cancellation only.
                try? await clock.sleep(for: limit)
                return nil
            }
            defer { tasks.cancelAll() }
            return await tasks.next() ?? nil
        }
    }

    private static func read(
        _ ids: [Meridian_V1_EventID], _ client: MeridianClient, _ group: String, _ cursor: Data?
    ) async -> HeardEffects? {
        var missing = Set(ids)
        var heard = HeardEffects()
        var effects = client.subscribe(topic: "interactions", group: group, from: cursor, start: .earliest)
            .makeAsyncIterator()
        while !missing.isEmpty {
            do throws(MeridianClientError) {
                guard let batch = try await effects.next() else { return nil }
                for effect in batch.effects {
                    heard.ids.append(effect.id)
                    missing.remove(effect.id)
                }
                heard.cursor = batch.cursor
                try await client.commit(batch, topic: "interactions", group: group)
            } catch {
                return nil
            }
        }
        return heard
    }

    /// How far the group is behind where `region` knows it; nil where it does not.
    package func lag(of group: String, in region: Int) async -> Meridian_V1_GroupStatus? {
        // A region that does not answer knows no group either.
        (try? await clients[region].streamGroups())?.first { $0.group == group }
    }
}
