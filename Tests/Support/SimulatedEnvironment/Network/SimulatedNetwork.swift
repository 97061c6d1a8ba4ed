// The network between simulated machines: who listens where, how long messages take, what is cut.

import ClusterModel
package import NodeEnvironment
import Synchronization

/// How the network behaves. A value; set it with `SimulatedNetwork.setFaults`.
package struct NetworkFaults: Sendable {
    /// One-way delay of a message.
    package var minDelay = Duration.microseconds(50)
    package var maxDelay = Duration.milliseconds(2)
    /// How many of a thousand calls lose their connection, before the server sees them or after.
    package var lostCallsPerThousand: UInt64 = 0
    /// How many of a thousand requests arrive a second time, up to `maxExtraDelay` later: both are handled, the first
    /// is answered.
    package var duplicatedCallsPerThousand: UInt64 = 0
    /// How many of a thousand messages take up to `maxExtraDelay` longer. What was sent later on the same channel waits
    /// behind them; other channels overtake.
    package var delayedMessagesPerThousand: UInt64 = 0
    package var maxExtraDelay = Duration.seconds(1)

    package init() {}
}

/// What the network did to calls so far.
package struct NetworkCounts: Hashable, Sendable {
    package var lost = 0
    package var duplicated = 0
    package var delayed = 0
}

/// The largest messages of a method.
package struct LargestMessages: Hashable, Sendable {
    package var request = 0
    package var reply = 0

    package init() {}
}

/// Endpoints are one flat space, whatever their host. Thread-safe.
package final class SimulatedNetwork: Sendable {
    struct Service: Sendable {
        enum Kind: Sendable {
            case calls(any CallHandler, LinkSecurity)
            case pages(any PageHandler)
        }

        let kind: Kind
        let owner: SimulatedLinks
        let number: UInt64
    }

    private struct State {
        var services: [Endpoint: Service] = [:]
        var nextPort = 40_000
        var nextService: UInt64 = 0
        var faults = NetworkFaults()
        var counts = NetworkCounts()
        /// By path, since they were taken last.
        var largest: [String: LargestMessages] = [:]
        /// (from, to): messages that way are lost.
        var cuts: Set<[String]> = []
        /// (from, to): one-way delays that replace the general ones.
        var delays: [[String]: ClosedRange<UInt64>] = [:]
    }

    let scheduler: SimulationScheduler
    private let state = Mutex(State())

    init(scheduler: SimulationScheduler) { self.scheduler = scheduler }

    package func setFaults(_ faults: NetworkFaults) { state.withLock { $0.faults = faults } }

    /// Nothing passes between the two machines until `heal`. Calls wait for their deadlines, or fail after 20 s.
    package func cut(_ one: String, _ other: String) {
        scheduler.note("cut \(one) \(other)")
        state.withLock { $0.cuts.formUnion([[one, other], [other, one]]) }
    }

    package func heal(_ one: String, _ other: String) {
        scheduler.note("heal \(one) \(other)")
        state.withLock { $0.cuts.subtract([[one, other], [other, one]]) }
    }

    /// What `from` sends to `to` is lost until `heal`; the other way messages pass. Calls either way then time out.
    package func cutOneWay(from: String, to: String) {
        scheduler.note("cut \(from) > \(to)")
        state.withLock { _ = $0.cuts.insert([from, to]) }
    }

    package func healAll() {
        scheduler.note("heal all")
        state.withLock { $0.cuts.removeAll() }
    }

    /// How long messages between two machines take, each way, from now on: a wide-area link among local ones.
    package func setDelay(between one: String, and other: String, _ range: ClosedRange<Duration>) {
        let nanoseconds =
            UInt64(max(0, range.lowerBound.signedNanoseconds))...UInt64(max(0, range.upperBound.signedNanoseconds))
        state.withLock { state in
            state.delays[[one, other]] = nanoseconds
            state.delays[[other, one]] = nanoseconds
        }
    }

    /// Whether what `from` sends to `to` is lost.
    func isCut(from: String, to: String) -> Bool { state.withLock { $0.cuts.contains([from, to]) } }

    /// Nanoseconds that the next message takes.
    func delay(from: String, to: String?) -> UInt64 {
        let (faults, own) = state.withLock { state in
            (state.faults, to.flatMap { state.delays[[from, $0]] })
        }
        let least = own?.lowerBound ?? UInt64(max(0, faults.minDelay.signedNanoseconds))
        let most = own?.upperBound ?? UInt64(max(0, faults.maxDelay.signedNanoseconds))
        let usual = least + scheduler.random(below: most > least ? most - least : 1)
        guard happens(faults.delayedMessagesPerThousand) else { return usual }
        state.withLock { $0.counts.delayed += 1 }
        return usual + extraDelay(faults)
    }

    package var counts: NetworkCounts { state.withLock(\.counts) }

    /// Bytes of the largest request and reply of each method since the last call.
    package func takeLargest() -> [String: LargestMessages] {
        state.withLock { state in
            defer { state.largest = [:] }
            return state.largest
        }
    }

    func onCall(_ path: String, request: Int, reply: Int) {
        state.withLock { state in
            var largest = state.largest[path] ?? LargestMessages()
            largest.request = max(largest.request, request)
            largest.reply = max(largest.reply, reply)
            state.largest[path] = largest
        }
    }

    /// Whether this call loses its connection.
    func losesCall() -> Bool {
        guard happens(state.withLock(\.faults.lostCallsPerThousand)) else { return false }
        state.withLock { $0.counts.lost += 1 }
        return true
    }

    /// How much later than the first a second copy of this request arrives; nil for no copy.
    func duplicateDelay() -> UInt64? {
        let faults = state.withLock(\.faults)
        guard happens(faults.duplicatedCallsPerThousand) else { return nil }
        state.withLock { $0.counts.duplicated += 1 }
        return extraDelay(faults)
    }

    private func happens(_ perThousand: UInt64) -> Bool {
        perThousand > 0 && scheduler.random(below: 1_000) < perThousand
    }

    private func extraDelay(_ faults: NetworkFaults) -> UInt64 {
        scheduler.random(below: UInt64(max(1, faults.maxExtraDelay.signedNanoseconds)))
    }

    func service(at endpoint: Endpoint) -> Service? { state.withLock { $0.services[endpoint] } }

    func register(
        _ kind: Service.Kind, at endpoint: Endpoint, owner: SimulatedLinks
    ) throws(LinkError) -> SimulatedListener {
        let placed = state.withLock { state -> (Endpoint, UInt64)? in
            var endpoint = endpoint
            if endpoint.port == 0 {
                endpoint.port = state.nextPort
                state.nextPort += 1
            }
            guard state.services[endpoint] == nil else { return nil }
            state.nextService += 1
            state.services[endpoint] = Service(kind: kind, owner: owner, number: state.nextService)
            return (endpoint, state.nextService)
        }
        guard let placed else { throw LinkError(.addressInUse, "\(endpoint) is taken") }
        return SimulatedListener(endpoint: placed.0, number: placed.1, network: self)
    }

    /// The end of the simulation.
    func finish() { state.withLock { $0.services = [:] } }

    func close(_ endpoint: Endpoint, number: UInt64) {
        state.withLock { state in
            if state.services[endpoint]?.number == number { state.services[endpoint] = nil }
        }
    }

    /// The machine of these links is gone: its listeners and connections with it.
    func disconnect(_ links: SimulatedLinks) {
        state.withLock { state in
            let endpoints = state.services.filter { $0.value.owner === links }.keys
            for endpoint in endpoints { state.services[endpoint] = nil }
        }
        links.die()
    }

    /// A GET of a page; nil when nobody serves there.
    package func page(at path: String, of endpoint: Endpoint) async -> Page? {
        guard let service = service(at: endpoint), case .pages(let handler) = service.kind else { return nil }
        return await withUnsafeContinuation { continuation in
            service.owner.someLoop().execute {
                handler.page(at: path) { page in continuation.resume(returning: page) }
            }
        }
    }
}

struct SimulatedListener: Listener {
    let endpoint: Endpoint
    let number: UInt64
    let network: SimulatedNetwork

    /// Calls under way finish by themselves: a simulated connection outlives its listener.
    func shutDown(by deadline: BootInstant) async { network.close(endpoint, number: number) }
}
