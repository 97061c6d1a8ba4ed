// A node's state as operators and probes see it.

package import ClusterModel
package import EventLog
package import Logging
package import NodeEnvironment
package import OperatorAPI
package import Personalization
package import ServingAPI
import Synchronization

/// Set by the node as it starts, serves and stops; read from any thread.
package final class NodeStatus: NodeControl {
    private struct Serving {
        var log: any EventLogEngine
        var router: ShardRouter
    }

    private struct State {
        var life = NodeLife()
        var recovery: RecoveryFacts?
        var serving: Serving?
        var regions = RegionObservation()
        var upkeep: LogUpkeepRun?
        var credentials: CredentialWatch?
        var unserved = 0
        var stoppedReplicas: [StoppedLog] = []
        var writesHeld: String?
        var listeners: [(name: String, listener: any Listener)] = []
        var bootstrap: BootstrapRun?
        var journal: OperatorJournal?
        var disk: (any DedicatedExecutor)?
    }

    package let facts: NodeFacts
    package let isAccessOpen: Bool
    private let logger: Logger
    private let timeSource: any NodeClock
    private let admission: AdmissionControl
    private let startedAt: BootInstant
    private let guarded = Mutex(State())

    /// `isAccessOpen`: every caller may do everything.
    package init(
        facts: NodeFacts, clock: any NodeClock, admission: AdmissionControl, logger: Logger,
        isAccessOpen: Bool = true
    ) {
        self.logger = logger
        self.facts = facts
        self.isAccessOpen = isAccessOpen
        timeSource = clock
        self.admission = admission
        startedAt = clock.bootTime()
    }

    /// Operators hear of other regions and of the clock from now on; call before `onServing`. A node that never calls it
    /// answers as a region that is alone, with a clock that is trusted.
    package func connect(_ regions: RegionObservation) { guarded.withLock { $0.regions = regions } }

    /// The node serves from now on.
    func onServing(_ log: any EventLogEngine, _ router: ShardRouter, _ report: RecoveryReport) {
        let facts = RecoveryFacts(
            wasClean: report.wasCleanStop, batches: report.batches,
            records: report.logs.reduce(0) { $0.adding(clamping: Int(clamping: $1.flushedEnd.rawValue)) },
            cutBytes: Int(clamping: report.cutBytes),
            corruptRanges: report.corruptRanges.count, duration: uptime)
        change { state in
            state.serving = Serving(log: log, router: router)
            state.recovery = facts
            state.life.onServing()
        }
    }

    /// Operators hear of the journal's upkeep from now on.
    func onUpkeep(_ upkeep: LogUpkeepRun) { guarded.withLock { $0.upkeep = upkeep } }

    /// Operators hear of the files of `tls` from now on.
    func onCredentials(_ watch: CredentialWatch) { guarded.withLock { $0.credentials = watch } }

    /// Operators hear how full these are from now on.
    func onListening(_ listeners: [(name: String, listener: any Listener)]) {
        guarded.withLock { $0.listeners = listeners }
    }

    /// Operators hear of what is fetched from other members from now on.
    func onBootstrap(_ run: BootstrapRun) { guarded.withLock { $0.bootstrap = run } }

    /// Acts of operators are kept there from now on. `disk`: where writing may block.
    func onDirectory(_ journal: OperatorJournal, _ disk: any DedicatedExecutor) {
        guarded.withLock { ($0.journal, $0.disk) = (journal, disk) }
    }

    /// Everything has stopped: what the node served with may go.
    func onEnded() {
        guarded.withLock { state in
            state.serving = nil
            state.upkeep = nil
            state.credentials = nil
            state.listeners = []
            state.bootstrap = nil
            (state.journal, state.disk) = (nil, nil)
            state.regions = RegionObservation()
        }
    }

    /// While the disk is full the log itself refuses writes, with that reason.
    func onDisk(isFull: Bool) { admission.isDiskFull = isFull }

    /// The node was asked to end: probes hear of it before anything else happens.
    func onStopping() { change { $0.life.onStopping() } }

    /// So many of the node's states serve nobody, for longer than a moment.
    func onUnserved(_ count: Int) {
        change { state in
            state.unserved = count
            state.life.onUnserved(count > 0)
        }
    }

    /// Logs that this node's own states do not fold on.
    func onStoppedReplicas(_ logs: [StoppedLog]) { guarded.withLock { $0.stoppedReplicas = logs } }

    /// Why this start has opened nothing so far (S1b); nil once it has.
    func onWritesHeld(_ reason: String?) { guarded.withLock { $0.writesHeld = reason } }

    /// The log takes no more appends; only a restart helps.
    func onFenced() { change { $0.life.onFenced() } }

    /// The door follows the state before another change of it can.
    private func change<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
        guarded.withLock { state in
            let result = body(&state)
            admission.state = state.life.admission
            return result
        }
    }
}

// MARK: What never blocks

extension NodeStatus {
    package var state: NodeState { guarded.withLock { $0.life.state } }

    package var uptime: Duration { timeSource.bootTime().since(startedAt) }

    package var stoppedReplicas: [StoppedLog] { guarded.withLock(\.stoppedReplicas) }

    package var unserved: Int { guarded.withLock { $0.unserved } }

    package var recovery: RecoveryFacts? { guarded.withLock { $0.recovery } }

    package var callsInFlight: Int { admission.callsInFlight }

    package var mirrors: [MirrorFacts] { regions.mirrors() }

    package var unmirrored: UInt64? { regions.unmirrored() }

    package var clock: ClockVerdict { regions.clock() }

    package var upkeep: LogUpkeepFacts {
        let (run, held) = guarded.withLock { ($0.upkeep, $0.writesHeld) }
        var facts = run?.facts ?? LogUpkeepFacts()
        facts.writesHeld = held
        return facts
    }

    package var credentials: [CredentialExpiry] { guarded.withLock { $0.credentials }?.expiries ?? [] }

    package var occupancies: [ListenerOccupancy] {
        guarded.withLock(\.listeners).compactMap { name, listener in
            listener.occupancy.map { ListenerOccupancy(listener: name, occupancy: $0) }
        }
    }

    package var occupancy: StateOccupancy {
        guard let router = guarded.withLock({ $0.serving?.router }) else { return StateOccupancy() }
        return router.occupancy(at: timeSource.wallTime())
    }

    package var bootstrap: BootstrapFacts {
        guarded.withLock { $0.bootstrap }?.facts ?? BootstrapFacts()
    }

    /// Its functions take locks of their own: they are called outside of this one.
    private var regions: RegionObservation { guarded.withLock { $0.regions } }
}

// MARK: What operators ask for

extension NodeStatus {
    package func drain() async { _ = told("an operator drains the node") { $0.drain() } }

    package func evacuate() async -> Bool {
        told("an operator evacuates the region: users are refused") { $0.evacuate() }
    }

    package func resume() async {
        _ = told("an operator resumes the region") { life in
            life.resume()
            return true
        }
    }

    package func trustClock() async {
        logger.notice("an operator says that this machine's clock is right")
        regions.trustClock()
    }

    /// Says in the log what an operator changed; a request again that changes nothing is not told.
    private func told(_ what: String, _ body: (inout NodeLife) -> Bool) -> Bool {
        let (isDone, isNews) = change { state in
            let before = state.life
            let isDone = body(&state.life)
            return (isDone, state.life != before)
        }
        if isNews { logger.notice("\(what)", metadata: ["state": "\(state.rawValue)"]) }
        return isDone
    }

    package func shardReports() async -> [ShardReport] {
        guard let router = guarded.withLock({ $0.serving?.router }) else { return [] }
        return await router.reports()
    }

    package func contentReport() async -> ContentReport? {
        await guarded.withLock { $0.serving?.router }?.contentReport()
    }

    package func contentReport(
        of region: RegionNumber, by deadline: BootInstant
    ) async throws(PeerFailure) -> ContentReport {
        try await regions.contentReport(region, deadline)
    }

    package func peerReports(
        of region: RegionNumber, partitions: [PartitionID], by deadline: BootInstant
    ) async throws(PeerFailure) -> [ShardReport] {
        try await regions.peerReports(region, partitions, deadline)
    }

    package func capacity(
        of region: RegionNumber, by deadline: BootInstant
    ) async throws(PeerFailure) -> RegionCapacity {
        try await regions.capacity(region, deadline)
    }

    package var operatorEvents: [OperatorEvent] { guarded.withLock(\.journal)?.events ?? [] }

    package func record(_ event: OperatorEvent) async {
        let (journal, disk) = guarded.withLock { ($0.journal, $0.disk) }
        guard let journal, let disk else { return }
        // What the disk refuses the journal says itself.
        try? await disk.run { journal.record(event) }
    }

    package func replicaFacts() async -> ReplicaFacts {
        guard let router = guarded.withLock({ $0.serving?.router }) else { return ReplicaFacts() }
        return await router.replicaFacts()
    }

    package func logSummaries() async -> [LogSummary] {
        guarded.withLock { $0.serving }?.log.logs() ?? []
    }
}
