// When a channel connects, waits and gives up: a pure state machine.

import ClusterModel
import GRPCFraming
import NodeEnvironment

/// The state of a channel's link. Lazy: only a call makes it connect. After failures it rests, and calls fail at once
/// meanwhile, so that callers turn to another endpoint instead of queueing.
struct ClientLinkState {
    enum Phase: Hashable {
        case idle
        case connecting
        case ready
        case resting(until: BootInstant, reason: String)
        case closed
    }

    enum Directive: Hashable {
        case connect
        /// A connection is being made: wait for it.
        case wait
        case send
        case fail(RPCStatus)
    }

    private(set) var phase = Phase.idle
    private var failures = 0
    private let limits: TransportLimits

    init(limits: TransportLimits) { self.limits = limits }

    mutating func onCall(now: BootInstant) -> Directive {
        switch phase {
        case .ready: return .send
        case .connecting: return .wait
        case .closed: return .fail(RPCStatus(.unavailable, "the channel is closed"))
        case .resting(let until, let reason) where now < until: return .fail(RPCStatus(.unavailable, reason))
        case .idle, .resting:
            phase = .connecting
            return .connect
        }
    }

    mutating func onReady() { if phase == .connecting { phase = .ready } }

    /// The peer answered something: it is well.
    mutating func onProven() { failures = 0 }

    /// Connecting failed, or a connection went before it was of any use. `random` is 64 uniform bits.
    mutating func onFailed(_ reason: String, now: BootInstant, random: UInt64) {
        guard phase != .closed else { return }
        phase = .resting(until: now.advanced(by: pause(random: random)), reason: reason)
        failures += 1
    }

    /// A connection that served calls is gone, or takes no more: the next call makes another.
    mutating func onLost() { if phase != .closed { phase = .idle } }

    mutating func onClose() { phase = .closed }

    /// Exponential with jitter: between half and all of the nominal pause, so that many callers spread.
    private func pause(random: UInt64) -> Duration {
        var nominal = limits.firstBackoff
        for _ in 0..<min(failures, 64) where nominal < limits.maxBackoff { nominal = nominal * limits.backoffFactor }
        nominal = min(nominal, limits.maxBackoff)
        return nominal * (0.5 + 0.5 * Double(random >> 11) / Double(1 << 53))
    }
}
