// Notices that the log has ended or that its disk is full, so that probes, operators and the door hear of it without a
// call having to fail first.

package import EventLog
package import Logging
package import NodeEnvironment

/// Looks at the engine four times a second.
package struct LogWatch: Sendable {
    package static let interval: Duration = .milliseconds(250)

    private let log: any EventLogEngine
    private let status: NodeStatus
    private let clock: any NodeClock
    private let logger: Logger

    package init(log: any EventLogEngine, status: NodeStatus, clock: any NodeClock, logger: Logger) {
        self.log = log
        self.status = status
        self.clock = clock
        self.logger = logger
    }

    /// Runs until it is cancelled; after a failure there is nothing left to notice.
    package func run() async throws {
        while log.failure == nil {
            status.onDisk(isFull: log.isFull)
            try await clock.sleep(for: Self.interval)
        }
        status.onDisk(isFull: false)
        status.onFenced()
        logger.critical(
            "the log takes no more appends; see Runbooks/log-fenced.md",
            metadata: ["error": "\(log.failure?.description ?? "")"])
        while true { try await clock.sleep(for: .seconds(3_600)) }
    }
}
