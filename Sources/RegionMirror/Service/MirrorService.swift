// The holder's side: answers pulls from memory or disk, keeps those that have to wait, and takes other regions' cursors.

import ClusterModel
import EventLog
import GRPCFraming
import NIOCore
import NodeEnvironment
import Synchronization

/// Serves `/Mirror/Pull`, `/Mirror/Report`, `/Mirror/Greet` and `/Mirror/Claim`. One pull a follower waits at a time: a later
/// one of the same follower takes the place of an earlier one. Thread-safe; nothing here blocks a loop.
final class MirrorService: CallHandler {
    struct Follower {
        var instance: HolderInstance
        /// The process that pulled last speaks for its region, also while no pull of it waits.
        var claim: RegionClaim
        var waiting: WaitingPull?
        /// The one timer of waiting pulls.
        var wakesAt: BootInstant?
    }

    struct State {
        var followers: [RegionNumber: Follower] = [:]
        /// Group commits so far, and the facts heard: what a pull that goes to sleep must not have missed.
        var changes: UInt64 = 0
        var unreadable: UnreadableLogs
        /// Callers that were turned away.
        var refusals = RefusalLog()
        /// The last process of each region that was refused because another one speaks for it.
        var rivals: [RegionNumber: RivalWatch] = [:]

        /// Whether the process still speaks for its region, over this link.
        func isCurrent(_ request: PullRequest) -> Bool {
            let follower = followers[request.follower]
            return follower?.claim.incarnation == request.incarnation
                && follower?.instance.generation == request.generation
        }
    }

    let methods = [PullRequest.path, CursorReport.path, RegionGreeting.path]
    let streamingMethods = [LinkClaim.path]
    let core: MirrorCore
    let state: Mutex<State>
    /// One a link that is watched.
    let claims: StreamTasks

    init(core: MirrorCore) {
        self.core = core
        state = Mutex(State(unreadable: UnreadableLogs(limit: core.settings.limits.logs)))
        claims = StreamTasks(limit: core.settings.limits.regions)
    }

    func handle(_ call: UnaryCall) {
        do throws(MirrorError) {
            guard call.message.readableBytes <= core.settings.limits.frameBytes else {
                throw MirrorError(.malformedFrame, "\(call.message.readableBytes) bytes")
            }
            let bytes = Array(call.message.readableBytesView)
            switch call.method {
            case 0: try admit(call, try PullRequest(decoding: bytes, limits: core.settings.limits))
            case 1: try take(call, try CursorReport(decoding: bytes, limits: core.settings.limits))
            default: try greet(call, try RegionGreeting(decoding: bytes))
            }
        } catch {
            say(error, to: call.peer)
            call.fail(error.status)
        }
    }

    // MARK: Cursors

    private func take(_ call: UnaryCall, _ report: CursorReport) throws(MirrorError) {
        try check(call.peer, report.teller, report.deployment)
        // S1: what a process without the claim says changes nothing.
        guard speaks(for: report.teller, report.incarnation) else { throw Self.claimed }
        core.onCursors(report)
        call.succeed(ByteBuffer())
    }

    // MARK: Pulls

    private func admit(_ call: UnaryCall, _ request: PullRequest) throws(MirrorError) {
        try check(call.peer, request.follower, request.deployment)
        guard core.ceiling.admits(request.incarnation) else {
            throw MirrorError(.aheadOfClock, "a pull by incarnation \(String(request.incarnation.rawValue, radix: 16))")
        }
        guard request.incarnation != Incarnation(0) else { return answerProbe(call, request) }
        // S1: while a process that claims the region is heard of, another is refused.
        let claimant = Claimant(region: request.follower, incarnation: request.incarnation)
        judge(claimant) { [self] isAdmitted in
            if isAdmitted { return accept(call, request) }
            onRefused(claimant)
            call.fail(Self.claimed.status)
        }
    }

    private func accept(_ call: UnaryCall, _ request: PullRequest) {
        let pull = WaitingPull(
            call: call, request: request, arrivedAt: core.environment.clock.bootTime(),
            longestWait: core.settings.limits.longestWaitMilliseconds)
        core.onStart(of: request.follower, request.incarnation)
        let (isCurrent, older) = state.withLock { state -> (Bool, WaitingPull?) in
            let claim = RegionClaim(
                request.incarnation, stallTimeout: core.settings.stallTimeout, at: pull.arrivedAt)
            var follower =
                state.followers[request.follower]
                ?? Follower(instance: HolderInstance(limits: core.settings.limits), claim: claim)
            if follower.claim.incarnation != request.incarnation {
                follower.claim = claim
                follower.instance = HolderInstance(limits: core.settings.limits)
            }
            guard follower.instance.onPull(generation: request.generation) else { return (false, nil) }
            let older = follower.waiting
            follower.waiting = pull
            follower.claim.onPull(link: request.generation, due: pull.due)
            state.followers[request.follower] = follower
            return (true, older)
        }
        guard isCurrent else { return call.fail(RPCStatus(.aborted, "a newer link of this region is open")) }
        core.floors.onPublished(request.bases, by: request.follower, areAll: request.basesAreAll)
        older?.call.fail(RPCStatus(.aborted, "a newer pull took its place"))
        serve(request.follower)
    }

    /// Heads only, or batches of what is to be repaired, for a node that has not begun and follows nothing yet.
    private func answerProbe(_ call: UnaryCall, _ request: PullRequest) {
        guard request.positions.isEmpty else { return answerRepair(call, request) }
        var reply = core.makeReply(generation: request.generation)
        // What the node that begins has written itself, newest last.
        let own = core.log.logs().filter { $0.log.name.region == request.follower }
        reply.heads = Array(own.sorted { $0.log.incarnation < $1.log.incarnation }.suffix(core.settings.limits.logs))
        reply.agreedEnds = core.facts.all
        call.succeed(ByteBuffer(bytes: reply.encoded))
    }

    /// More is flushed: whoever waits for one of these logs is served.
    func onCommit(_ moved: [LogIdentity]) { wake { pull in moved.contains { pull.concerns($0) } } }

    /// What lies below a floor leaves (S1b).
    func onFloors() {
        let facts = core.facts
        state.withLock { state in
            for follower in state.followers.keys { state.followers[follower]?.instance.drop(facts) }
            state.unreadable.drop(facts)
        }
    }

    /// More is known: agreed ends.
    func onFacts() { wake { _ in true } }

    private func wake(where isConcerned: (WaitingPull) -> Bool) {
        let concerned = state.withLock { state -> [RegionNumber] in
            state.changes &+= 1
            return state.followers.filter { $0.value.waiting.map(isConcerned) ?? false }.keys.sorted()
        }
        for follower in concerned { serve(follower) }
    }

    /// Answers a follower's pull when there is something for it, or when it has waited long enough. `timer`: when the
    /// timer that calls was due; one that fires a little early counts as on time.
    private func serve(_ follower: RegionNumber, timer: BootInstant? = nil) {
        while let (pull, instance, seen) = takeWaiting(follower, isTimer: timer != nil) {
            let facts = core.facts
            let now = core.environment.clock.bootTime()
            let unreadable = state.withLock(\.unreadable)
            let plan = instance.plan(pull.request, held: core.log.logs(), facts) { unreadable.verdict(on: $0, at: now) }
            if plan.isUrgent || max(now, timer ?? now) >= pull.due { return answer(pull, plan, facts) }
            switch putBack(pull, follower, unless: seen) {
            case .sleeps: return
            case .wakesAt(let due):
                _ = core.loop.schedule(at: due) { [weak self] in self?.serve(follower, timer: due) }
                return
            case .changed: continue
            case .replaced: return pull.call.fail(RPCStatus(.aborted, "a newer pull took its place"))
            }
        }
    }

    private func takeWaiting(
        _ region: RegionNumber, isTimer: Bool
    ) -> (WaitingPull, HolderInstance, UInt64)? {
        state.withLock { state in
            if isTimer { state.followers[region]?.wakesAt = nil }
            guard let pull = state.followers[region]?.waiting, let instance = state.followers[region]?.instance else {
                return nil
            }
            state.followers[region]?.waiting = nil
            return (pull, instance, state.changes)
        }
    }

    private enum PutBack {
        case sleeps
        /// As above, and there is no timer yet that would wake it in time.
        case wakesAt(BootInstant)
        /// Something changed since it was looked at: it is to be looked at again.
        case changed
        /// A newer pull of the same follower came meanwhile.
        case replaced
    }

    private func putBack(_ pull: WaitingPull, _ region: RegionNumber, unless seen: UInt64) -> PutBack {
        state.withLock { state in
            guard state.followers[region]?.waiting == nil else { return .replaced }
            state.followers[region]?.waiting = pull
            guard state.changes == seen else { return .changed }
            if let timer = state.followers[region]?.wakesAt, timer <= pull.due { return .sleeps }
            state.followers[region]?.wakesAt = pull.due
            return .wakesAt(pull.due)
        }
    }

    private func answer(_ pull: WaitingPull, _ plan: HolderInstance.Plan, _ facts: LineageFacts) {
        let reader = BatchReader(log: core.log, facts: facts, budget: budget(pull.request))
        if let outcome = reader.fromMemory(plan.steps) { return conclude(pull, plan, outcome) }
        core.disk.execute { [self] in conclude(pull, plan, reader.fromDisk(plan.steps)) }
    }

    private func budget(_ request: PullRequest) -> Int {
        max(1, min(Int(request.maxBytes), core.settings.limits.replyBytes))
    }

    /// Sends what there is. Where there is nothing although there should be, the pull goes on to wait: what could not be
    /// read rests by then, and an empty answer would have the follower ask again at once.
    private func conclude(_ pull: WaitingPull, _ plan: HolderInstance.Plan, _ outcome: BatchReader.Outcome) {
        note(outcome)
        let isNothing = outcome.answers.isEmpty && !plan.steps.isEmpty && plan.ends.isEmpty && !plan.hasNewLog
        guard isNothing, core.environment.clock.bootTime() < pull.due else { return send(pull, plan, outcome.answers) }
        let region = pull.request.follower
        let isCurrent = state.withLock { state in
            guard state.isCurrent(pull.request), state.followers[region]?.waiting == nil else { return false }
            state.followers[region]?.waiting = pull
            return true
        }
        guard isCurrent else { return pull.call.fail(RPCStatus(.aborted, "a newer pull took its place")) }
        serve(region)
    }

    private func send(_ pull: WaitingPull, _ plan: HolderInstance.Plan, _ answers: [PullReply.LogAnswer]) {
        var reply = core.makeReply(generation: pull.request.generation)
        let waited = core.environment.clock.bootTime().since(pull.arrivedAt)
        reply.waitedMicroseconds = UInt32(clamping: waited.signedNanoseconds / 1_000)
        reply.heads = plan.heads
        reply.agreedEnds = plan.ends
        reply.answers = answers
        let isCurrent = state.withLock { state -> Bool in
            guard state.isCurrent(pull.request) else { return false }
            let region = pull.request.follower
            // In place: what was told has an entry a log.
            state.followers[region]?.instance.onAnswered(plan)
            state.followers[region]?.claim.onAnswered(at: core.environment.clock.bootTime())
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
        case .regionClaimed, .termsDiffer: RPCStatus(.failedPrecondition, description)
        default: RPCStatus(.invalidArgument, description)
        }
    }
}
