// Users, content and prepared requests of the serving benchmark.

import ClusterModel
import Datasets
import MeridianClient
import MeridianProtocol
import NIOCore
import NodeEnvironment
import OperatorCommands
import Synchronization

/// Gives each report ids of its own, at the server's time.
final class BenchIDs: Sendable {
    private let base: UInt64
    private let clock: any NodeClock
    private let start: BootInstant
    private let sequence = Atomic<UInt64>(0)

    init(serverTime: WallTime, clock: any NodeClock) {
        base = serverTime.milliseconds
        self.clock = clock
        start = clock.bootTime()
    }

    func next() -> EventID {
        let number = sequence.add(1, ordering: .relaxed).newValue
        let now = WallTime(milliseconds: base).advanced(by: clock.bootTime().since(start))
        return EventID(at: now, sequence: UInt16(truncatingIfNeeded: number), client: number >> 16 &+ 1)
    }
}

struct ServeLoad: Sendable {
    private let userIDs: [String]
    private let items: [CatalogueItem]
    /// NextContent for each user, encoded.
    private let slates: [ByteBuffer]

    /// `slots`: items of a slate.
    init(users: Int, contents: Int, slots: Int = 10) throws {
        var shape = GeneratedTraffic.Shape()
        shape.users = users
        shape.contents = contents
        items = GeneratedTraffic(seed: 1, shape: shape).items
        userIDs = (0..<users).map { "bench-user-\($0)" }
        slates = try userIDs.map { user in
            var request = Meridian_V1_NextContentRequest()
            request.userID = user
            request.count = UInt32(slots)
            return try request.encodedBuffer()
        }
    }

    /// Publishes the catalogue and lets every user click a few items.
    func prepare(_ node: NodeProcess, _ environment: NodeEnvironment) async throws {
        let client = try node.makeClient()
        let connection = NodeConnection(client)
        try await ReplayDriver.publish(items, to: connection) { _ in }
        var generator = SeededGenerator(seed: 7)
        for user in userIDs {
            let events = (0..<4).map { _ in
                var event = Meridian_V1_Interaction()
                event.kind = .click
                event.contentID = items[Int(generator.next() % UInt64(items.count))].id
                return event
            }
            _ = try await client.report(events, of: user, durability: .buffered)
        }
        await client.close()
    }

    func idSource(_ node: NodeProcess, _ environment: NodeEnvironment) async -> BenchIDs {
        BenchIDs(serverTime: environment.clock.wallTime(), clock: environment.clock)
    }

    func request(_ worker: Int, _ number: UInt64, reportPerCent: Int, _ ids: BenchIDs) -> PreparedRequest {
        let pick = (UInt64(worker) &* 7_919 &+ number &* 104_729) % UInt64(userIDs.count)
        guard reportPerCent == 0 || number % 100 >= UInt64(reportPerCent) else { return report(Int(pick), ids) }
        return PreparedRequest(path: "/meridian.v1.DeliveryService/NextContent", message: slates[Int(pick)])
    }

    private func report(_ user: Int, _ ids: BenchIDs) -> PreparedRequest {
        var request = Meridian_V1_ReportRequest()
        request.userID = userIDs[user]
        request.durability.level = .local
        var event = Meridian_V1_Interaction()
        event.id = Meridian_V1_EventID(ids.next())
        event.kind = .click
        event.contentID = items[user % items.count].id
        request.events = [event]
        // A message of ours always encodes; an empty one would be refused by the node and counted as failed.
        let message = (try? request.encodedBuffer()) ?? ByteBuffer()
        return PreparedRequest(path: "/meridian.v1.InteractionService/Report", message: message)
    }
}
