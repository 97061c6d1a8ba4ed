// A node's state as operators and probes see it.

import ClusterModel
package import EventLog
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
        var phase = NodeState.starting
        var recovery: RecoveryFacts?
        var serving: Serving?
    }

    package let facts: NodeFacts
    private let clock: any NodeClock
    private let admission: AdmissionControl
    private let startedAt: BootInstant
    private let guarded = Mutex(State())

    package init(facts: NodeFacts, clock: any NodeClock, admission: AdmissionControl) {
        self.facts = facts
        self.clock = clock
        self.admission = admission
        startedAt = clock.bootTime()
    }

    package var state: NodeState { guarded.withLock { $0.phase } }

    package var uptime: Duration { clock.bootTime().since(startedAt) }

    package var recovery: RecoveryFacts? { guarded.withLock { $0.recovery } }

    /// The node serves from now on.
    func onServing(_ log: any EventLogEngine, _ router: ShardRouter, _ report: RecoveryReport) {
        let facts = RecoveryFacts(
            wasClean: report.wasCleanStop, batches: report.batches,
            records: report.logs.reduce(0) { $0 + Int($1.flushedEnd.rawValue) }, cutBytes: Int(report.cutBytes),
            corruptRanges: report.corruptRanges.count, duration: uptime)
        guarded.withLock { state in
            state.serving = Serving(log: log, router: router)
            state.recovery = facts
            state.phase = .active
        }
        admission.state = .active
    }

    /// The log takes no more appends; only a restart helps.
    func onFenced() {
        guarded.withLock { $0.phase = .fenced }
        admission.state = .fenced
    }

    package func drain() async {
        let mayDrain = guarded.withLock { state in
            guard state.phase == .active else { return state.phase == .draining }
            state.phase = .draining
            return true
        }
        guard mayDrain else { return }
        admission.state = .draining
    }

    package func resume() async {
        let isActive = guarded.withLock { state in
            if state.phase == .draining { state.phase = .active }
            return state.phase == .active
        }
        if isActive { admission.state = .active }
    }

    package func shardReports() async -> [ShardReport] {
        guard let serving = guarded.withLock({ $0.serving }) else { return [] }
        return await serving.router.reports()
    }

    package func logSummaries() async -> [LogSummary] {
        guarded.withLock { $0.serving }?.log.logs() ?? []
    }
}
