// A replay with its progress: the driver beside a reporter that looks at it every second.

import Datasets
package import NodeEnvironment

/// Runs a replay to its end.
package struct ReplaySession: Sendable {
    private let run: ReplayRun
    private let driver: ReplayDriver
    private let service: any ContentService
    private let clock: any NodeClock
    /// Set to the seconds since the last line.
    private let interval: Duration

    package init(
        _ run: ReplayRun, service: any ContentService, clock: any NodeClock,
        progressEvery interval: Duration = .seconds(1)
    ) {
        self.run = run
        self.clock = clock
        self.service = service
        self.interval = interval
        driver = ReplayDriver(run, service: service, clock: clock)
    }

    /// Returns when every visit that began has ended. `progress` gets a line about once a second, and runs on no thread
    /// in particular.
    package func drive(progress: @escaping @Sendable (String) async -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await driver.drive() }
            group.addTask { await report(progress) }
            group.addTask { await publish() }
            // The others end only when they are cancelled, so the first to end is the driver.
            await group.next()
            group.cancelAll()
        }
    }

    /// Publishes what comes out while the replay runs, in few calls.
    private func publish() async {
        while !Task.isCancelled {
            do {
                try await clock.sleep(for: ReplayPlan.publicationInterval)
                let items = await run.takeUnpublished()
                if !items.isEmpty { try await service.publish(items) }
            } catch let failure as OperatorFailure where !Task.isCancelled {
                await run.onFailure(failure)
            } catch {
                return
            }
        }
    }

    private func report(_ progress: @Sendable (String) async -> Void) async {
        var last: UInt64 = 0
        while !Task.isCancelled {
            do {
                try await clock.sleep(for: interval)
            } catch {
                return
            }
            let measurement = await run.measurement
            let rate = Double(measurement.eventsAcknowledged - last) / (interval / .seconds(1))
            last = measurement.eventsAcknowledged
            await progress(Self.line(measurement, rate: rate, elapsed: await run.elapsed))
        }
    }

    /// "  12 s    998 events/s   11,976 acknowledged   p50 0.41 ms   p99 2.10 ms".
    static func line(_ measurement: ReplayMeasurement, rate: Double, elapsed: Duration) -> String {
        let p50 = measurement.latency.quantileMicroseconds(0.5)
        let p99 = measurement.latency.quantileMicroseconds(0.99)
        var line =
            "\(Int(elapsed / .seconds(1))) s  \(Int(rate.rounded())) events/s  "
            + "\(measurement.eventsAcknowledged) acknowledged  p50 \(p50) us  p99 \(p99) us"
        if measurement.failedCalls > 0 { line += "  \(measurement.failedCalls) calls failed" }
        if measurement.eventsRefused > 0 { line += "  \(measurement.eventsRefused) events refused" }
        return line
    }
}
