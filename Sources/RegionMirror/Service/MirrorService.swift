// The holder's side: answers pulls from memory or disk, keeps those that have to wait, and takes other regions' cursors.

import ClusterModel
import EventLog
import GRPCFraming
import NIOCore
import NodeEnvironment
import Synchronization

/// Serves `/Mirror/Pull` and `/Mirror/Report`. One pull a follower waits at a time: a later one of the same follower takes
/// the place of an earlier one. Thread-safe; nothing here blocks a loop.
final class MirrorService: CallHandler {
    /// A pull that arrived.
    struct Pull: Sendable {
        var call: UnaryCall
        var request: PullRequest
        var arrivedAt: BootInstant
        var number: UInt64
    }

    private struct Follower {
        var instance = HolderInstance()
        var incarnation = Incarnation(0)
        var waiting: Pull?
    }

    private struct State {
        var followers: [RegionNumber: Follower] = [:]
        /// Group commits so far, and the facts heard: what a pull that goes to sleep must not have missed.
        var changes: UInt64 = 0
        var pulls: UInt64 = 0
    }

    let methods = [PullRequest.path, CursorReport.path]
    private let core: MirrorCore
    private let state = Mutex(State())

    init(core: MirrorCore) { self.core = core }

    func handle(_ call: UnaryCall) {
        do throws(MirrorError) {
            guard call.message.readableBytes <= core.settings.limits.frameBytes else {
                throw MirrorError(.malformedFrame, "\(call.message.readableBytes) bytes")
            }
            let bytes = Array(call.message.readableBytesView)
            if call.method == 0 {
                try admit(call, try PullRequest(decoding: bytes, limits: core.settings.limits))
            } else {
                try take(call, try CursorReport(decoding: bytes, limits: core.settings.limits))
            }
        } catch {
            call.fail(error.status)
        }
    }

    // MARK: Cursors

    private func take(_ call: UnaryCall, _ report: CursorReport) throws(MirrorError) {
        try check(call.peer, report.teller, report.deployment)
        core.onCursors(report)
        call.succeed(ByteBuffer())
    }

    private func check(_ peer: PeerIdentity, _ region: RegionNumber, _ deployment: UInt64) throws(MirrorError) {
        guard deployment == core.deployment else {
            throw MirrorError(.otherDeployment, "this node is of \(core.settings.deploymentID)")
        }
        guard core.peers.admits(peer, as: region) else {
            throw MirrorError(.notAPeer, "region \(region.rawValue) by \(peer.certificateURI ?? peer.address)")
        }
    }

    // MARK: Pulls

    private func admit(_ call: UnaryCall, _ request: PullRequest) throws(MirrorError) {
        try check(call.peer, request.follower, request.deployment)
        guard request.incarnation != Incarnation(0) else { return answerProbe(call, request) }
        let rival = state.withLock { state -> Pull? in
            guard let known = state.followers[request.follower], known.incarnation != request.incarnation else {
                return nil
            }
            return known.waiting
        }
        guard let rival else { return accept(call, request) }
        // S1: while a process that claims the region is connected, another is refused.
        rival.call.executor.execute { [self] in
            guard !rival.call.isLive else {
                let error = MirrorError(.regionClaimed, "a process with another incarnation is connected")
                return call.fail(error.status)
            }
            accept(call, request)
        }
    }

    private func accept(_ call: UnaryCall, _ request: PullRequest) {
        let replaced = state.withLock { state -> (isCurrent: Bool, older: Pull?) in
            var follower = state.followers[request.follower] ?? Follower()
            follower.incarnation = request.incarnation
            guard follower.instance.onPull(generation: request.generation) else { return (false, nil) }
            let older = follower.waiting
            state.pulls += 1
            follower.waiting = Pull(
                call: call, request: request, arrivedAt: core.environment.clock.bootTime(), number: state.pulls)
            state.followers[request.follower] = follower
            return (true, older)
        }
        guard replaced.isCurrent else { return call.fail(RPCStatus(.aborted, "a newer link of this region is open")) }
        replaced.older?.call.fail(RPCStatus(.aborted, "a newer pull took its place"))
        serve(request.follower)
        expireLater(request)
    }

    /// Heads only, for a node that has not begun and follows nothing yet.
    private func answerProbe(_ call: UnaryCall, _ request: PullRequest) {
        var reply = core.makeReply(generation: request.generation)
        reply.heads = core.log.logs()
        reply.agreedEnds = core.facts.all
        call.succeed(ByteBuffer(bytes: reply.encoded))
    }

    private func expireLater(_ request: PullRequest) {
        let number = state.withLock { $0.followers[request.follower]?.waiting?.number }
        guard let number else { return }
        let wait = min(request.waitMilliseconds, core.settings.limits.longestWaitMilliseconds)
        let due = core.environment.clock.bootTime().advanced(by: .milliseconds(Int64(wait)))
        _ = core.loop.schedule(at: due) { [weak self] in
            self?.serve(request.follower, expiring: number)
        }
    }

    /// More is flushed, or more is known: who waits for it is served.
    func onChange() {
        let waiting = state.withLock { state -> [RegionNumber] in
            state.changes += 1
            return state.followers.filter { $0.value.waiting != nil }.keys.sorted()
        }
        for follower in waiting { serve(follower) }
    }

    /// Answers a follower's pull when there is something for it, or when it is pull `expiring`.
    private func serve(_ follower: RegionNumber, expiring: UInt64? = nil) {
        while let (pull, instance, seen) = takeWaiting(follower) {
            let plan = instance.plan(pull.request, held: core.log.logs(), core.facts)
            guard plan.isUrgent || pull.number == expiring else {
                switch putBack(pull, follower, unless: seen) {
                case .sleeps: return
                case .changed: continue
                case .replaced: return pull.call.fail(RPCStatus(.aborted, "a newer pull took its place"))
                }
            }
            return answer(pull, plan)
        }
    }

    private func takeWaiting(_ region: RegionNumber) -> (Pull, HolderInstance, UInt64)? {
        state.withLock { state in
            guard let pull = state.followers[region]?.waiting, let instance = state.followers[region]?.instance else {
                return nil
            }
            state.followers[region]?.waiting = nil
            return (pull, instance, state.changes)
        }
    }

    private enum PutBack {
        case sleeps
        /// Something changed since it was looked at: it is to be looked at again.
        case changed
        /// A newer pull of the same follower came meanwhile.
        case replaced
    }

    private func putBack(_ pull: Pull, _ region: RegionNumber, unless seen: UInt64) -> PutBack {
        state.withLock { state in
            guard state.followers[region]?.waiting == nil else { return .replaced }
            state.followers[region]?.waiting = pull
            return state.changes == seen ? .sleeps : .changed
        }
    }

    private func answer(_ pull: Pull, _ plan: HolderInstance.Plan) {
        let reader = BatchReader(log: core.log, facts: core.facts, budget: budget(pull.request))
        if let answers = reader.fromMemory(plan.steps) { return send(pull, plan, answers) }
        core.disk.execute { [self] in send(pull, plan, reader.fromDisk(plan.steps)) }
    }

    private func budget(_ request: PullRequest) -> Int { min(Int(request.maxBytes), core.settings.limits.replyBytes) }

    private func send(_ pull: Pull, _ plan: HolderInstance.Plan, _ answers: [PullReply.LogAnswer]) {
        var reply = core.makeReply(generation: pull.request.generation)
        let waited = core.environment.clock.bootTime().since(pull.arrivedAt)
        reply.waitedMicroseconds = UInt32(clamping: waited.signedNanoseconds / 1_000)
        reply.heads = plan.heads
        reply.agreedEnds = plan.ends
        reply.answers = answers
        let isCurrent = state.withLock { state -> Bool in
            guard state.followers[pull.request.follower]?.instance.generation == pull.request.generation else {
                return false
            }
            state.followers[pull.request.follower]?.instance.onAnswered(plan)
            return true
        }
        guard isCurrent else { return pull.call.fail(RPCStatus(.aborted, "a newer link of this region is open")) }
        pull.call.succeed(ByteBuffer(bytes: reply.encoded))
    }
}

extension MirrorError {
    /// What the other side sees.
    var status: RPCStatus {
        switch code {
        case .notAPeer, .otherDeployment: RPCStatus(.permissionDenied, description)
        case .regionClaimed: RPCStatus(.failedPrecondition, description)
        default: RPCStatus(.invalidArgument, description)
        }
    }
}
