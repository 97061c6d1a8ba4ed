// Says in the log why a start does not come on: its first records wait for the disk, and nothing listens yet that could tell.

import EventLog
import Logging
import NodeEnvironment

/// Beside the first appends of a start.
struct BeginWatch: Sendable {
    /// A disk that takes so long for a few records is worth a line; then a line each `interval`.
    static let patience: Duration = .seconds(5)
    static let interval: Duration = .seconds(60)

    let log: any EventLogEngine
    let clock: any NodeClock
    let logger: Logger

    /// Runs `begin`, and tells as long as it takes.
    func run(_ begin: @escaping @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await begin() }
            group.addTask { try await tell() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Until it is cancelled.
    private func tell() async throws {
        try await clock.sleep(for: Self.patience)
        while true {
            logger.error(
                "the start waits for the disk to take its first records",
                metadata: [
                    "reason": log.isFull
                        ? "it is full: free space; see Runbooks/disk-full.md" : "it has not answered so far"
                ])
            try await clock.sleep(for: Self.interval)
        }
    }
}
