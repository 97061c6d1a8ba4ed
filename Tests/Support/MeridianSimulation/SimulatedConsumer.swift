// A consumer of effects under a node that dies again and again: it reads, commits now and then, and begins again where it
// committed last (S13).

import ClusterModel
import MeridianClient
import MeridianProtocol
import NodeEnvironment
import SimulatedEnvironment
import Synchronization

/// One group. What it was told and did not commit it forgets whenever it begins again: a commit that names more than what
/// was told, or that a crash loses, shows as effects that it never hears of.
final class SimulatedConsumer: Sendable {
    private struct Heard {
        /// Told, and covered by a commit that was answered.
        var committed: Set<EventID> = []
        /// Told since.
        var open: Set<EventID> = []
    }

    private static let group = "audit"
    private static let pause: Duration = .milliseconds(20)

    private let client: MeridianClient
    private let clock: any NodeClock
    private let ledger: EventLedger
    private let heard = Mutex(Heard())
    private let generator: Mutex<SeededGenerator>

    init(_ client: MeridianClient, clock: any NodeClock, ledger: EventLedger, seed: UInt64) {
        self.client = client
        self.clock = clock
        self.ledger = ledger
        generator = Mutex(SeededGenerator(seed: seed))
    }

    /// Until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            heard.withLock { $0.open = [] }
            do throws(MeridianClientError) {
                try await consume()
            } catch {
                guard !Task.isCancelled else { return }
                ledger.violated("S13", "the subscription ended with \(error)")
                return
            }
        }
    }

    /// One subscription, until the consumer gives it up.
    private func consume() async throws(MeridianClientError) {
        let batches = client.subscribe(topic: "interactions", group: Self.group, start: .earliest)
        var iterator = batches.makeAsyncIterator()
        while let batch = try await iterator.next() {
            let ids = batch.effects.map { EventID($0.id) }
            ledger.told(ids)
            heard.withLock { $0.open.formUnion(ids) }
            let choice = generator.withLock { $0.next() % 8 }
            if choice < 5 { await commit(batch) }
            if choice == 7 {
                ledger.saw(.consumerBeganAgain)
                return
            }
        }
    }

    /// A commit whose outcome is unknown may stand or not: what it covers may come again, and need not.
    private func commit(_ batch: EffectBatch) async {
        do throws(MeridianClientError) {
            try await client.commit(
                batch, topic: "interactions", group: Self.group, options: CallOptions(timeout: .seconds(2)))
            heard.withLock { heard in
                heard.committed.formUnion(heard.open)
                heard.open = []
            }
        } catch {
            heard.withLock { heard in
                heard.committed.formUnion(heard.open)
                heard.open = []
            }
            ledger.saw(.commitUnknown)
        }
    }

    /// Waits until every event that stands on the disk was told, so far as its callers know.
    func awaitAll(within limit: Duration) async throws {
        let deadline = clock.bootTime().advanced(by: limit)
        while true {
            let missing = missing()
            if missing.isEmpty { return }
            guard clock.bootTime() < deadline else {
                return ledger.violated("S13", "\(missing.count) effects are not told, the first \(missing[0])")
            }
            try await clock.sleep(for: Self.pause)
        }
    }

    private func missing() -> [EventID] {
        let known = heard.withLock { $0.committed.union($0.open) }
        return ledger.entries.map(\.id).filter { ledger.isKnownFlushed($0) && !known.contains($0) }
    }
}
