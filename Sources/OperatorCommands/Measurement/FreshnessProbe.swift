// How soon another region shows what a user wrote: measured by clients, through sessions (S12).

import ClusterModel
package import MeridianClient
import MeridianProtocol
package import NodeEnvironment

/// Writes in one region at `local` and reads in another with the session that the write returned, until that read is
/// answered from a state that has the write. The regions take turns.
package struct FreshnessProbe: Sendable {
    /// Between two probes.
    private static let interval: Duration = .milliseconds(50)
    private static let pause: Duration = .milliseconds(1)
    /// A probe that takes longer is given up: a region is down.
    private static let patience: Duration = .seconds(2)
    private static let once = CallOptions(timeout: .seconds(1), retry: .never)

    private let clients: [MeridianClient]
    private let clock: any NodeClock
    private let onAcknowledged: @Sendable ([Acknowledgement]) async -> Void

    /// `clients`: each of one region only. `onAcknowledged` gets the probes' own events.
    package init(
        _ clients: [MeridianClient], clock: any NodeClock,
        onAcknowledged: @escaping @Sendable ([Acknowledgement]) async -> Void
    ) {
        self.clients = clients
        self.clock = clock
        self.onAcknowledged = onAcknowledged
    }

    /// Probes until it is cancelled. What it could not measure, since a region was away, is not in the answer.
    package func run() async -> LatencyHistogram {
        var histogram = LatencyHistogram()
        var number = 0
        while !Task.isCancelled {
            let writer = number % clients.count
            let reader = (writer + 1 + number / clients.count % (clients.count - 1)) % clients.count
            if let delay = await probe(number, from: writer, to: reader) { histogram.record(delay) }
            number += 1
            // Cancelled, the wait is over early, and the loop ends.
            try? await clock.sleep(for: Self.interval)
        }
        return histogram
    }

    private func probe(_ number: Int, from writer: Int, to reader: Int) async -> Duration? {
        let user = "freshness-\(number % 64)"
        var event = Meridian_V1_Interaction()
        event.kind = .click
        event.contentID = "freshness"
        event.id = clients[writer].makeEventID()
        // A region that is away is no sample.
        guard let reply = try? await clients[writer].report([event], of: user, options: Self.once) else { return nil }
        let acknowledgedAt = clock.bootTime()
        await onAcknowledged(ReportReceipt(reply).acknowledged)
        clients[reader].continueSession(of: user, token: clients[writer].sessionToken(of: user))
        while clock.bootTime().since(acknowledgedAt) < Self.patience, !Task.isCancelled {
            do {
                _ = try await clients[reader].nextContent(
                    for: user, count: 1, requiresSession: true, options: Self.once)
                return clock.bootTime().since(acknowledgedAt)
            } catch {
                guard error.reason == "SESSION_NOT_SATISFIED" else { return nil }
                // Cancelled, the wait is over early, and the loop ends.
                try? await clock.sleep(for: Self.pause)
            }
        }
        return nil
    }
}
