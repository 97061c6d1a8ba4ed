// Gives a deployment its users: one event each, as fast as the regions take them.

import MeridianClient
import OperatorCommands
import Synchronization

/// Each client has a few calls under way; users are dealt out in order.
struct UserLoader: Sendable {
    let users: Int
    let clients: [MeridianClient]
    let traffic: SteadyTraffic

    /// Few enough that no node refuses any for load.
    private static let callers = 24
    private static let betweenLines = 100_000

    /// Throws where an event is not acknowledged with all patience.
    func run() async throws {
        let next = Counter()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for client in clients {
                for _ in 0..<Self.callers {
                    group.addTask { try await load(client, next) }
                }
            }
            try await group.waitForAll()
        }
    }

    private func load(_ client: MeridianClient, _ next: Counter) async throws {
        while let user = next.take(below: users) {
            if let failure = await traffic.write(client, user, user % BenchLedger.contents) {
                throw OperatorFailure(.unreachable, "user \(user) was not taken: \(failure)")
            }
            if (user + 1).isMultiple(of: Self.betweenLines) { Console.progress("\(user + 1) users") }
        }
    }

    private final class Counter: Sendable {
        private let value = Atomic<Int>(0)

        func take(below limit: Int) -> Int? {
            let number = value.add(1, ordering: .relaxed).oldValue
            return number < limit ? number : nil
        }
    }
}
