// Signs of life: gRPC health checks that tell how a region is without a user's call.

import ClusterModel
import GRPCFraming
import MeridianProtocol
import NIOCore
import NodeEnvironment
import Synchronization

extension MeridianClient {
    private static let healthCheck = "/grpc.health.v1.Health/Check"
    /// How often `run()` looks for regions that are due, so that one that falls meanwhile is not overlooked.
    private static let watchInterval = Duration.seconds(1)
    private static let shortestWatch = Duration.milliseconds(10)

    /// Finds out by cheap calls when a region that was down answers again, and keeps the connection to the next region
    /// in line open; without it users' calls find out, one at a time. Run it beside the client's work, in a task group or
    /// a service; returns when it is cancelled or the client is closed.
    public func run() async {
        state.withLock { $0.choice.isWatched = true }
        defer { state.withLock { $0.choice.isWatched = false } }
        while !Task.isCancelled, !state.withLock(\.isClosed) {
            let now = environment.clock.bootTime()
            let due = state.withLock { $0.choice.probes(at: now) }
            await withDiscardingTaskGroup { group in
                for route in due { group.addTask { _ = await self.probe(route) } }
            }
            let next = state.withLock { $0.choice.nextProbe(at: now) } ?? now.advanced(by: Self.watchInterval)
            let soonest = environment.clock.bootTime().advanced(by: Self.shortestWatch)
            // Cancelled, the wait is over early, and the loop ends.
            try? await environment.clock.sleep(
                until: max(soonest, min(next, now.advanced(by: Self.watchInterval))))
        }
    }

    /// Whether a server was there. Tells the choice.
    private func probe(_ route: Route) async -> Bool {
        let patience = state.withLock { state in
            state.counts.probes += 1
            return state.choice.patience(of: route.region)
        }
        let verdict = await checkHealth(route, within: patience)
        guard !Task.isCancelled else { return false }
        let now = environment.clock.bootTime()
        state.withLock { state in
            if let verdict {
                state.counts.onMove(
                    state.choice.onFailure(route, verdict, waited: now.since(route.startedAt), at: now))
            } else {
                state.counts.onMove(state.choice.onAnswer(route, trip: nil, isWrite: false, at: now))
            }
        }
        return verdict?.wasHeard ?? true
    }

    /// Nil when the node serves.
    private func checkHealth(_ route: Route, within patience: Duration) async -> RegionVerdict? {
        do throws(RPCStatus) {
            let answer = try await channels[route.region][route.endpoint].unary(
                path: Self.healthCheck, message: ByteBuffer(), metadata: CallMetadata(),
                deadline: route.startedAt.advanced(by: patience))
            // An answer that cannot be read is no word against the node.
            let reply = try? Grpc_Health_V1_HealthCheckResponse(reading: answer.message)
            return reply?.status == .notServing ? .closed(wish: nil, writesOnly: false) : nil
        } catch {
            let verdict = RegionVerdict(MeridianClientError(error))
            // A server without health checks is there all the same.
            return verdict == .unreachable || verdict == .silent ? verdict : nil
        }
    }

    /// Returns once the region of a call under way gives no sign of life, or when it is cancelled. One of the waiting
    /// calls asks for all; while others get answers, nobody asks.
    func waitForSilence(of route: Route) async {
        var checkedUntil = route.startedAt
        while !Task.isCancelled {
            let patience = state.withLock { $0.choice.patience(of: route.region) }
            // Cancelled, the wait is over early, and the loop ends.
            try? await environment.clock.sleep(until: checkedUntil.advanced(by: patience))
            guard !Task.isCancelled else { return }
            let now = environment.clock.bootTime()
            let sign = state.withLock { $0.choice.signOfLife(of: route, since: checkedUntil, at: now) }
            checkedUntil = now
            switch sign {
            case .seen, .askedFor: continue
            case .fallen: return
            case .ask(let check):
                guard await !probe(check), !Task.isCancelled else { continue }
                let end = environment.clock.bootTime()
                state.withLock { state in state.counts.onMove(state.choice.onLifeless(route, at: end)) }
                return
            }
        }
    }
}
