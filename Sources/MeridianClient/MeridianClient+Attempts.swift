// One attempt: sent alone, with a second copy to another region, or under watch for signs of life.

import ClusterModel
import GRPCFraming
import MeridianProtocol
import NIOCore
import NodeEnvironment
import SwiftProtobuf
import Synchronization

extension MeridianClient {
    /// An attempt in the way that its call asks for.
    func send<Reply>(
        _ call: PreparedCall<Reply>, _ route: Route, until end: BootInstant
    ) async -> AttemptOutcome<Reply> {
        guard regions.count > 1, call.pin == nil else { return await attempt(call, route, until: end) }
        if let delay = call.hedgeAfter { return await hedged(call, route, after: delay, until: end) }
        if call.kind.isPatient { return await watched(call, route, until: end) }
        return await attempt(call, route, until: end)
    }

    /// One request to one node. Tells the choice, the clock and the counters what came of it.
    private func attempt<Reply>(
        _ call: PreparedCall<Reply>, _ route: Route, until end: BootInstant, hasRival: Bool = false,
        isWatched: Bool = false
    ) async -> AttemptOutcome<Reply> {
        state.withLock { $0.counts.onSent(route) }
        do throws(RPCStatus) {
            let answer = try await channels[route.region][route.endpoint].unary(
                path: call.path, message: call.message, metadata: call.metadata, deadline: end)
            let reply: Reply = try Self.decode(answer)
            let now = environment.clock.bootTime()
            onAnswer(route, WallTime(milliseconds: call.serverTime(reply)), isWrite: call.kind.isWrite, at: now)
            return AttemptOutcome(route: route, endedAt: now, result: .success(reply))
        } catch {
            let now = environment.clock.bootTime()
            let failure = MeridianClientError(error)
            var verdict = RegionVerdict(failure)
            // Its region gave signs of life all the while: the call is late, the region is well.
            if isWatched, verdict == .silent { verdict = .elsewhere }
            onFailure(route, failure, verdict, hasRival: hasRival, at: now)
            return AttemptOutcome(route: route, endedAt: now, result: .failure(failure), verdict: verdict)
        }
    }

    private func onAnswer(_ route: Route, _ serverTime: WallTime, isWrite: Bool, at now: BootInstant) {
        state.withLock { state in
            state.clock.onAnswer(serverTime: serverTime, sentAt: route.startedAt, receivedAt: now)
            state.counts.onAnswer(route)
            state.counts.onMove(
                state.choice.onAnswer(route, trip: now.since(route.startedAt), isWrite: isWrite, at: now))
        }
    }

    private func onFailure(
        _ route: Route, _ failure: MeridianClientError, _ verdict: RegionVerdict, hasRival: Bool, at now: BootInstant
    ) {
        let isAbandoned = Task.isCancelled
        let serverTime = failure.metadata["server_time_ms"].flatMap(UInt64.init)
        state.withLock { state in
            if let serverTime {
                state.clock.onAnswer(
                    serverTime: WallTime(milliseconds: serverTime), sentAt: route.startedAt, receivedAt: now)
            }
            if isAbandoned {
                state.counts.onMove(state.choice.onAbandoned(route, forAnother: hasRival, at: now))
                return
            }
            state.counts.onFailure(route, verdict, failure)
            state.counts.onMove(
                state.choice.onFailure(route, verdict, waited: now.since(route.startedAt), at: now))
        }
    }

    private static func decode<Reply: Message>(_ answer: UnaryReply) throws(RPCStatus) -> Reply {
        do {
            return try Reply(reading: answer.message)
        } catch {
            throw RPCStatus(.internal, "the answer is not a \(Reply.protoMessageName): \(error)")
        }
    }

    // MARK: Hedged reads

    private enum Leg<Reply: Message>: Sendable {
        case first(AttemptOutcome<Reply>)
        /// The time for a second copy has come.
        case due
        case second(AttemptOutcome<Reply>)
    }

    /// Asks another region too when the first takes longer than `delay`; the first answer wins, the loser is cancelled.
    private func hedged<Reply>(
        _ call: PreparedCall<Reply>, _ route: Route, after delay: Duration, until end: BootInstant
    ) async -> AttemptOutcome<Reply> {
        await withTaskGroup(of: Leg<Reply>.self) { group in
            group.addTask { .first(await self.attempt(call, route, until: end, hasRival: true)) }
            group.addTask {
                // Cancelled, the wait is over early and the leg is of no use to anybody.
                try? await self.environment.clock.sleep(until: route.startedAt.advanced(by: delay))
                return .due
            }
            var failed: AttemptOutcome<Reply>?
            var isDoubled = false
            while let leg = await group.next() {
                switch leg {
                case .due:
                    guard failed == nil, !Task.isCancelled, let second = self.beginHedge(besides: route) else { break }
                    isDoubled = true
                    group.addTask { .second(await self.attempt(call, second, until: end, hasRival: true)) }
                case .first(let outcome), .second(let outcome):
                    if outcome.isSuccess || !isDoubled || failed != nil {
                        group.cancelAll()
                        if outcome.isSuccess, outcome.route.region != route.region { self.onHedgeWon() }
                        return outcome
                    }
                    failed = outcome
                }
            }
            return failed ?? self.lifeless(route)
        }
    }

    private func beginHedge(besides route: Route) -> Route? {
        state.withLock { state in
            let second = state.choice.hedge(besides: route.region, at: environment.clock.bootTime())
            if second != nil { state.counts.hedges += 1 }
            return second
        }
    }

    private func onHedgeWon() { state.withLock { $0.counts.hedgesWon += 1 } }

    // MARK: Patient calls

    /// A call that may rightly take long is not cut while its region gives signs of life; a region that gives none loses
    /// it as soon as any other call.
    private func watched<Reply>(
        _ call: PreparedCall<Reply>, _ route: Route, until end: BootInstant
    ) async -> AttemptOutcome<Reply> {
        await withTaskGroup(of: AttemptOutcome<Reply>?.self) { group in
            group.addTask { await self.attempt(call, route, until: end, isWatched: true) }
            group.addTask {
                await self.waitForSilence(of: route)
                return nil
            }
            let outcome = await group.next() ?? nil
            group.cancelAll()
            return outcome ?? self.lifeless(route)
        }
    }

    private func lifeless<Reply>(_ route: Route) -> AttemptOutcome<Reply> {
        let failure = MeridianClientError(.deadlineExceeded, "the region gave no sign of life")
        return AttemptOutcome(
            route: route, endedAt: environment.clock.bootTime(), result: .failure(failure), verdict: .silent)
    }
}
