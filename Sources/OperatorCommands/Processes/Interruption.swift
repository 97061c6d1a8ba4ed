// SIGINT and SIGTERM of a command that runs processes of its own: its work is cancelled and cleans up.

import Dispatch
import Glibc

/// Turns the signals that end a command into cancellation.
package enum Interruption {
    private static let signals = [SIGINT, SIGTERM, SIGHUP]

    /// Runs `body`; on a signal it is cancelled, and once it has ended the failure says so. For one caller at a time; from
    /// here on the process ignores the signals' defaults.
    package static func cancelling(_ body: @escaping @Sendable () async throws -> Void) async throws {
        // Only the first signal matters.
        let (arrivals, continuation) = AsyncStream.makeStream(of: Int32.self, bufferingPolicy: .bufferingOldest(1))
        let sources = signals.map { number in
            _ = signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { continuation.yield(number) }
            source.resume()
            return source
        }
        defer { for source in sources { source.cancel() } }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await body() }
            group.addTask {
                for await number in arrivals {
                    throw OperatorFailure(
                        .inconclusive, "interrupted by signal \(number); everything started was ended")
                }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}
