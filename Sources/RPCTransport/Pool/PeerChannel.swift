// One peer behind several endpoints.

package import ClusterModel
package import GRPCFraming
package import NIOCore
package import NodeEnvironment
import Synchronization

/// A channel to one endpoint that can be asked whether it is connected, without sending a call.
protocol EndpointChannel: CallChannel {
    /// Connects if need be, and returns once calls can be sent.
    func connect(by deadline: BootInstant?) async throws(RPCStatus)
}

/// Spreads calls over channels to the endpoints of one peer. Safe to use from any task. A call goes to another endpoint
/// only while it was not sent, unless its policy says that it may be carried out twice.
package final class PeerChannel: CallChannel {
    private struct State {
        var picker: EndpointPicker
        var hedges: HedgeBudget
    }

    private let channels: [any EndpointChannel]
    private let policy: PeerPolicy
    private let limits: TransportLimits
    private let clock: any NodeClock
    private let entropy: any EntropySource
    private let state: Mutex<State>

    /// `channels`: at least one.
    init(
        channels: [any EndpointChannel], policy: PeerPolicy, limits: TransportLimits, clock: any NodeClock,
        entropy: any EntropySource
    ) {
        self.channels = channels
        self.policy = policy
        self.limits = limits
        self.clock = clock
        self.entropy = entropy
        state = Mutex(
            State(
                picker: EndpointPicker(count: channels.count, balancing: policy.balancing),
                hedges: HedgeBudget(perHundredCalls: policy.hedgesPerHundredCalls)))
    }

    package func unary(
        path: String, message: ByteBuffer, metadata: CallMetadata, deadline: BootInstant?
    ) async throws(RPCStatus) -> UnaryReply {
        try await unary(path: path, message: message, metadata: metadata, deadline: deadline, policy: policy.call)
    }

    /// The same, with a policy for this call.
    package func unary(
        path: String, message: ByteBuffer, metadata: CallMetadata, deadline: BootInstant?, policy: CallPolicy
    ) async throws(RPCStatus) -> UnaryReply {
        let call = PooledCall(path: path, message: message, metadata: metadata, deadline: deadline, policy: policy)
        state.withLock { $0.hedges.onCall() }
        if policy.isSafe, let wait = policy.hedgesAfter, channels.count > 1 {
            return try await hedge(call, after: wait)
        }
        return try await persist(call, order: order())
    }

    package func stream(
        path: String, metadata: CallMetadata, deadline: BootInstant?, encoding: MessageEncoding
    ) throws(RPCStatus) -> ClientStream {
        try channels[order()[0]].stream(path: path, metadata: metadata, deadline: deadline, encoding: encoding)
    }

    package func close() async {
        for channel in channels { await channel.close() }
    }

    private func order() -> [Int] { state.withLock { $0.picker.order(random: entropy.next()) } }

    // MARK: Attempts

    /// Tries the endpoints in their order, and all of them again while the call may wait.
    private func persist(_ call: PooledCall, order: [Int]) async throws(RPCStatus) -> UnaryReply {
        var order = order
        var pause = limits.firstBackoff
        while true {
            let failure: RPCStatus
            switch await attempt(call, order) {
            case .answered(let outcome): return try outcome.get()
            case .unreachable(let status): failure = status
            }
            guard call.policy.waitsForReady, let deadline = call.deadline else { throw failure }
            let share = 0.5 + 0.5 * Double(entropy.next() >> 11) / Double(1 << 53)
            let next = clock.bootTime().advanced(by: pause * share)
            guard next < deadline else { throw RPCStatus(.deadlineExceeded, failure.message) }
            do {
                try await clock.sleep(until: next)
            } catch {
                throw RPCStatus(.cancelled, "the caller cancelled")
            }
            pause = min(pause * limits.backoffFactor, limits.maxBackoff)
            order = self.order()
        }
    }

    private enum Attempt {
        case answered(Result<UnaryReply, RPCStatus>)
        /// No endpoint could be reached, or a safe call lost every one; the last reason.
        case unreachable(RPCStatus)
    }

    private func attempt(_ call: PooledCall, _ order: [Int]) async -> Attempt {
        var reason = RPCStatus(.unavailable, "the peer has no endpoint")
        for index in order {
            do throws(RPCStatus) {
                try await channels[index].connect(by: call.deadline)
            } catch {
                guard error.code == .unavailable else { return .answered(.failure(error)) }
                state.withLock { $0.picker.onUnreachable(index) }
                reason = error
                continue
            }
            let outcome = await send(call, to: index)
            guard case .failure(let error) = outcome, error.code == .unavailable else { return .answered(outcome) }
            state.withLock { $0.picker.onUnreachable(index) }
            guard call.policy.isSafe else { return .answered(outcome) }
            reason = error
        }
        return .unreachable(reason)
    }

    private func send(_ call: PooledCall, to index: Int) async -> Result<UnaryReply, RPCStatus> {
        state.withLock { $0.picker.onStarted(index) }
        defer { state.withLock { $0.picker.onEnded(index) } }
        do throws(RPCStatus) {
            let reply = try await channels[index].unary(
                path: call.path, message: call.message, metadata: call.metadata, deadline: call.deadline)
            state.withLock { $0.picker.onAnswered(index) }
            return .success(reply)
        } catch {
            return .failure(error)
        }
    }

    // MARK: Hedging

    /// Asks a second endpoint when the first is slow. The first answer that is not a lost endpoint counts; the other
    /// attempt is cancelled.
    private func hedge(_ call: PooledCall, after wait: Duration) async throws(RPCStatus) -> UnaryReply {
        let order = order()
        let outcome = await withTaskGroup(of: Result<UnaryReply, RPCStatus>?.self) { group in
            group.addTask { await self.outcome(call, order) }
            group.addTask { await self.hedged(call, Array(order.dropFirst() + order.prefix(1)), after: wait) }
            var last: Result<UnaryReply, RPCStatus>?
            for await result in group {
                guard let result else { continue }
                last = result
                if case .failure(let error) = result, error.code == .unavailable { continue }
                break
            }
            group.cancelAll()
            return last
        }
        guard let outcome else { throw RPCStatus(.cancelled, "the caller cancelled") }
        return try outcome.get()
    }

    /// Nil when there is nothing to add: the budget is spent, or the call is over.
    private func hedged(
        _ call: PooledCall, _ order: [Int], after wait: Duration
    ) async -> Result<UnaryReply, RPCStatus>? {
        do {
            try await clock.sleep(until: clock.bootTime().advanced(by: wait))
        } catch {
            return nil
        }
        guard state.withLock({ $0.hedges.spend() }) else { return nil }
        return await outcome(call, order)
    }

    private func outcome(_ call: PooledCall, _ order: [Int]) async -> Result<UnaryReply, RPCStatus> {
        do throws(RPCStatus) {
            return .success(try await persist(call, order: order))
        } catch {
            return .failure(error)
        }
    }
}

/// What a pool sends, as often as it must.
private struct PooledCall: Sendable {
    let path: String
    let message: ByteBuffer
    let metadata: CallMetadata
    let deadline: BootInstant?
    let policy: CallPolicy
}
