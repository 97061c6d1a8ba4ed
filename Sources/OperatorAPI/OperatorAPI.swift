// meridian.v1.OperatorService: what operators and other nodes ask of this one.

import ClusterModel
import GRPCFraming
import MeridianProtocol
package import Metrics
package import NodeEnvironment
package import ServingAPI
import SwiftProtobuf

/// Serves OperatorService over a `NodeControl`. Works while the node starts and drains, and under overload.
package final class OperatorAPI: CallHandler {
    /// Every rpc of OperatorService, in the order of `methods`.
    enum Method: String, CaseIterable {
        case status = "Status"
        case digest = "Digest"
        case drain = "Drain"
        case resume = "Resume"
        case evacuate = "Evacuate"
        case logStats = "LogStats"

        var path: String { "/meridian.v1.OperatorService/\(rawValue)" }
    }

    package let methods: [String] = Method.allCases.map(\.path)

    let control: any NodeControl
    private let queue: OperatorQueue
    let clock: any NodeClock
    private let calls: CallMetrics
    private let refusals: ServingMetrics

    /// `refusals`: the counters of the node's refused calls, shared with the serving API. Who may call is the door's to
    /// say.
    package init(
        control: any NodeControl, queue: OperatorQueue, clock: any NodeClock, refusals: ServingMetrics,
        metrics factory: any MetricsFactory
    ) {
        self.control = control
        self.queue = queue
        self.clock = clock
        self.refusals = refusals
        calls = CallMetrics(methods: Method.allCases.map(\.path), factory: factory)
    }

    package func handle(_ call: UnaryCall) {
        let started = clock.bootTime()
        guard Method.allCases.indices.contains(call.method) else {
            return refuse(call, started, .notImplemented("method \(call.method)"))
        }
        let method = Method.allCases[call.method]
        if let deadline = call.deadline, deadline <= started {
            return refuse(
                call, started, Refusal(.deadlinePassed, "the deadline had passed before the call was started"))
        }
        let work = OperatorQueue.Work(
            serve: { [self] in
                do throws(Refusal) {
                    // Whoever gave up meanwhile has asked again: serving both would keep the others waiting.
                    if let deadline = call.deadline, deadline <= clock.bootTime() { throw Self.waitedTooLong }
                    let reply = try await serve(method, call)
                    calls.record(method: call.method, code: .ok, duration: clock.bootTime().since(started))
                    call.succeed(reply)
                } catch {
                    refuse(call, started, error)
                }
            }, refuse: { [self] in refuse(call, started, Self.stopping) })
        switch queue.enqueue(work, of: call.peer, in: lane(of: method, call)) {
        case .queued: break
        case .shareSpent:
            refuse(call, started, Refusal(.clientShareSpent, "this client has too many operators' requests waiting"))
        case .full: refuse(call, started, Refusal(.tooManyCalls, "too many operators' requests wait"))
        case .closed: refuse(call, started, Self.stopping)
        }
    }

    private static let waitedTooLong = Refusal(.deadlinePassed, "the deadline passed before the call's turn came")
    static let stopping = Refusal(.nodeDraining, "the node is stopping")

    private func refuse(_ call: UnaryCall, _ started: BootInstant, _ refusal: Refusal) {
        calls.record(method: call.method, code: refusal.reason.code, duration: clock.bootTime().since(started))
        refusals.refused(refusal.reason)
        call.fail(refusal.status)
    }

    var region: UInt32 { UInt32(control.facts.region.rawValue) }
    var serverTime: UInt64 { now.milliseconds }
    var now: WallTime { clock.wallTime() }
}
