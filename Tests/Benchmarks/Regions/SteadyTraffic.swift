// Users' calls at a rate beside something else: writes with ids that stay the same over retries, and reads.

import ClusterModel
import MeridianClient
import MeridianProtocol
import NodeEnvironment
import OperatorCommands
import Synchronization

/// Calls of one kind to one client's regions.
struct TrafficSource: Sendable {
    enum Kind: Sendable {
        case writes
        case reads
    }

    var kind: Kind
    var client: MeridianClient
    /// Calls a second.
    var rate: Int
}

/// What the calls of one source came to.
struct TrafficOutcome: Sendable {
    fileprivate var source = 0
    var calls = 0
    /// Those that failed with all their retries.
    var failed = 0
    var latency = LatencyHistogram()
    var lastFailure: String?

    fileprivate mutating func merge(_ other: TrafficOutcome) {
        calls += other.calls
        failed += other.failed
        latency.merge(other.latency)
        lastFailure = other.lastFailure ?? lastFailure
    }
}

/// Every source has a few callers, each of which waits for its answer. What is not due any more, since an answer took long, is left
/// out: an outage is not followed by a flood.
struct SteadyTraffic: Sendable {
    let sources: [TrafficSource]
    /// Drawn from this many.
    let users: Int
    let ledger: BenchLedger
    let clock: any NodeClock

    private static let callers = 16
    /// A call with all its retries, longer than a restart takes and shorter than ids are good for.
    static let patience: Duration = .seconds(20)
    private static let pause: Duration = .milliseconds(20)

    /// Calls until `body` has ended, and lets those that are under way end. By source.
    func run(during body: () async throws -> Void) async throws -> [TrafficOutcome] {
        let stop = TrafficStop()
        async let calls = work(until: stop)
        do {
            try await body()
        } catch {
            stop.request()
            _ = await calls
            throw error
        }
        stop.request()
        return await calls
    }

    private func work(until stop: TrafficStop) async -> [TrafficOutcome] {
        await withTaskGroup(of: TrafficOutcome.self) { group in
            for source in sources.indices {
                for caller in 0..<Self.callers {
                    group.addTask { await call(source, caller, until: stop) }
                }
            }
            var outcomes = [TrafficOutcome](repeating: TrafficOutcome(), count: sources.count)
            for await outcome in group { outcomes[outcome.source].merge(outcome) }
            return outcomes
        }
    }

    private func call(_ place: Int, _ caller: Int, until stop: TrafficStop) async -> TrafficOutcome {
        let source = sources[place]
        var outcome = TrafficOutcome()
        outcome.source = place
        var generator = SeededGenerator(seed: UInt64(place * Self.callers + caller))
        let interval = Duration.seconds(1) / source.rate * Self.callers
        var due = clock.bootTime().advanced(by: interval / Self.callers * caller)
        while !stop.isRequested {
            let begun = clock.bootTime()
            if begun < due {
                // Ends early only when all of this is cancelled.
                try? await clock.sleep(until: due)
                if stop.isRequested { break }
            } else {
                due = begun
            }
            due = due.advanced(by: interval)
            let sent = clock.bootTime()
            let user = Int(generator.next() % UInt64(users))
            let failure = await one(source, user, &generator)
            outcome.calls += 1
            outcome.latency.record(clock.bootTime().since(sent))
            if let failure {
                outcome.failed += 1
                outcome.lastFailure = failure
            }
        }
        return outcome
    }

    /// Nil where the call was answered as asked.
    private func one(_ source: TrafficSource, _ user: Int, _ generator: inout SeededGenerator) async -> String? {
        guard source.kind == .reads else {
            let content = Int(generator.next() % UInt64(BenchLedger.contents))
            return await write(source.client, user, content)
        }
        do throws(MeridianClientError) {
            _ = try await source.client.nextContent(
                for: Self.userID(user), options: CallOptions(timeout: Self.patience))
            return nil
        } catch {
            return "\(error)"
        }
    }

    static func userID(_ number: Int) -> String { "bench-user-\(number)" }

    /// One event that is acknowledged or, after all patience, unknown; then the reason.
    func write(
        _ client: MeridianClient, _ user: Int, _ content: Int, within patience: Duration = SteadyTraffic.patience
    ) async -> String? {
        var event = Meridian_V1_Interaction()
        event.kind = .click
        event.contentID = BenchLedger.contentID(content)
        event.id = client.makeEventID()
        let deadline = clock.bootTime().advanced(by: patience)
        var failure = "no time for a call"
        while clock.bootTime() < deadline {
            do throws(MeridianClientError) {
                let reply = try await client.report(
                    [event], of: Self.userID(user), options: CallOptions(timeout: deadline.since(clock.bootTime())))
                if let result = reply.results.first, result.outcome != .refused {
                    ledger.onAcknowledged(content)
                    return nil
                }
                failure = reply.results.first?.code ?? "no result"
            } catch {
                failure = "\(error)"
            }
            // Ends early only when all of this is cancelled.
            try? await clock.sleep(for: Self.pause)
        }
        ledger.onUnknown(content, failure)
        return failure
    }
}

/// Calls under way end by themselves; no further one begins.
final class TrafficStop: Sendable {
    private let flag = Atomic<Bool>(false)

    func request() { flag.store(true, ordering: .releasing) }

    var isRequested: Bool { flag.load(ordering: .acquiring) }
}
