// One call from its first attempt to its outcome: the shell around CallPlan and RegionChoice.

import ClusterModel
import GRPCFraming
import MeridianProtocol
import NIOCore
import NodeEnvironment
import SwiftProtobuf
import Synchronization

extension MeridianClient {
    /// One call with its retries in all regions, over at `deadline`.
    func perform<Request: Message, Reply: Message>(
        _ method: ServiceMethod<Request, Reply>, _ request: Request, _ options: CallOptions, by deadline: BootInstant
    ) async throws(MeridianClientError) -> CallAnswer<Reply> {
        let call = try prepare(method, request, options)
        var plan = CallPlan(call.kind, policy: options.retry ?? configuration.retry, deadline: deadline)
        var first: Int?
        state.withLock { $0.retries.onCall() }
        while true {
            let now = environment.clock.bootTime()
            guard let route = route(call, plan, at: now) else {
                let directive = plan.onRoundOver(at: now, random: environment.entropy.next())
                try await follow(directive, plan)
                continue
            }
            if first == nil { try turnAway(call, from: route.region, at: now) }
            first = first ?? route.region
            let outcome = await send(call, route, until: end(of: route, call, plan, at: now))
            if plan.tries == 0 { tellThrottle(call, route.region, isRefused: outcome.isOverloaded) }
            switch outcome.result {
            case .success(let reply):
                onOver(isRedirected: outcome.route.region != first)
                return CallAnswer(
                    reply: reply, region: regions[outcome.route.region].name, failures: plan.failures,
                    tries: plan.tries + 1)
            case .failure(let error):
                try await follow(directive(after: error, outcome, &plan), plan)
            }
        }
    }

    private func prepare<Request: Message, Reply: Message>(
        _ method: ServiceMethod<Request, Reply>, _ request: Request, _ options: CallOptions
    ) throws(MeridianClientError) -> PreparedCall<Reply> {
        let kind = method.kind(request)
        var pin: Int? = kind.isLocal ? 0 : nil
        if let name = options.region {
            pin = regions.firstIndex { $0.name == name }
            guard pin != nil else {
                throw MeridianClientError(
                    .invalidArgument, "the client knows no region \(name), but \(regionNames.joined(separator: ", "))")
            }
        }
        do {
            return PreparedCall(
                path: method.path, message: try request.encodedBuffer(), metadata: Self.metadata(options), kind: kind,
                isAhead: options.priority == .prefetch, pin: pin,
                hedgeAfter: kind.isWrite || pin != nil ? nil : options.hedgeAfter ?? configuration.hedgeReadsAfter,
                serverTime: method.serverTime)
        } catch {
            throw MeridianClientError(.invalidArgument, "the request cannot be encoded: \(error)")
        }
    }

    /// Fails the call unsent when its region refuses most of what it is sent.
    private func turnAway<Reply>(
        _ call: PreparedCall<Reply>, from region: Int, at now: BootInstant
    ) throws(MeridianClientError) {
        let isSent = state.withLock { state in
            let isSent = state.throttles.onCall(call.kind, isAhead: call.isAhead, to: region, at: now)
            if !isSent {
                state.counts.calls += 1
                state.counts.failedCalls += 1
                state.counts.throttledCalls += 1
            }
            return isSent
        }
        guard isSent else { throw .throttled(regions[region].name) }
    }

    /// What came of a call's first attempt; repeats have a budget of their own.
    private func tellThrottle<Reply>(_ call: PreparedCall<Reply>, _ region: Int, isRefused: Bool) {
        state.withLock {
            $0.throttles.onOutcome(call.kind, isAhead: call.isAhead, in: region, isRefused: isRefused)
        }
    }

    private static func metadata(_ options: CallOptions) -> CallMetadata {
        var metadata = CallMetadata()
        if options.priority == .prefetch { metadata.append("meridian-priority", "prefetch") }
        return metadata
    }

    private func route<Reply>(_ call: PreparedCall<Reply>, _ plan: CallPlan, at now: BootInstant) -> Route? {
        state.withLock { state in
            guard let pin = call.pin else { return state.choice.route(plan.ask, at: now) }
            return plan.tried.contains(pin) ? nil : state.choice.route(pinnedTo: pin, at: now)
        }
    }

    /// When the attempt is given up. A region that is alone, or the only one allowed, gets the policy's whole time.
    private func end<Reply>(
        of route: Route, _ call: PreparedCall<Reply>, _ plan: CallPlan, at now: BootInstant
    ) -> BootInstant {
        guard call.pin == nil, regions.count > 1 else { return plan.attemptDeadline(patience: nil, at: now) }
        let patience = state.withLock { state in
            state.choice.hasAnother(than: route.region, at: now) ? state.choice.patience(of: route.region) : nil
        }
        return plan.attemptDeadline(patience: patience, at: now)
    }

    private func directive<Reply>(
        after error: MeridianClientError, _ outcome: AttemptOutcome<Reply>, _ plan: inout CallPlan
    ) -> CallPlan.Directive {
        let (route, now) = (outcome.route, outcome.endedAt)
        let (isOpen, isClosed) = state.withLock { state in
            let region = state.choice.regions[route.region]
            return (region.isUp && !region.ring.isExhausted, state.isClosed)
        }
        let failure = RegionFailure(
            region: regions[route.region].name,
            endpoint: regions[route.region].endpoints[route.endpoint].description, error,
            elapsed: now.since(route.startedAt))
        let directive = plan.onFailure(
            error, failure, of: route.region, outcome.verdict, isOpen: isOpen, at: now,
            random: environment.entropy.next())
        return isClosed || !mayRepeat(after: error, outcome.verdict, at: now) ? .giveUp : directive
    }

    /// A server that is overloaded gets no more repeats than the budget has.
    private func mayRepeat(after error: MeridianClientError, _ verdict: RegionVerdict, at now: BootInstant) -> Bool {
        guard verdict == .busy, error.code == .overloaded else { return true }
        return state.withLock { state in
            let isAllowed = state.retries.onRepeat(at: now)
            if !isAllowed { state.counts.withheldRepeats += 1 }
            return isAllowed
        }
    }

    private func follow(_ directive: CallPlan.Directive, _ plan: CallPlan) async throws(MeridianClientError) {
        switch directive {
        case .again: return
        case .giveUp:
            onFailed()
            throw plan.outcome
        case .wait(let instant):
            do {
                try await environment.clock.sleep(until: instant)
            } catch {
                onFailed()
                var failure = MeridianClientError(.cancelled, "the caller was cancelled while it waited to try again")
                failure.attempts = plan.failures
                throw failure
            }
        }
    }

    private func onFailed() {
        state.withLock { state in
            state.counts.calls += 1
            state.counts.failedCalls += 1
        }
    }

    private func onOver(isRedirected: Bool) {
        state.withLock { state in
            state.counts.calls += 1
            if isRedirected { state.counts.redirectedCalls += 1 }
        }
    }
}
