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
        var lost = 0
        /// Pairs of machines, both orders.
        var cuts: Set<[String]> = []
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

    func isCut(_ one: String, _ other: String) -> Bool { state.withLock { $0.cuts.contains([one, other]) } }

    /// Nanoseconds that the next message takes.
    func delay() -> UInt64 {
        let faults = state.withLock(\.faults)
        let least = UInt64(max(0, faults.minDelay.signedNanoseconds))
        let most = UInt64(max(0, faults.maxDelay.signedNanoseconds))
        return least + scheduler.random(below: most > least ? most - least : 1)
    }

    /// Calls that lost their connection so far.
    package var lostCalls: Int { state.withLock(\.lost) }

    /// Whether this call loses its connection.
    func losesCall() -> Bool {
        let rate = state.withLock(\.faults.lostCallsPerThousand)
        guard rate > 0, scheduler.random(below: 1_000) < rate else { return false }
        state.withLock { $0.lost += 1 }
        return true
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
