// How much work a peer may cause that is not part of any call.

import ClusterModel

/// A token bucket for frames that cost us an answer or a look-up and carry no call: PING, SETTINGS, PRIORITY, RST_STREAM,
/// empty DATA, small WINDOW_UPDATE, and streams that we must reset. A pure value.
struct FrameBudget: Hashable, Sendable {
    private let burst: Double
    private let perSecond: Double
    private var left: Double
    private var lastSpent: BootInstant?

    init(limits: TransportLimits) {
        burst = Double(limits.controlFrameBurst)
        perSecond = Double(limits.controlFramesPerSecond)
        left = burst
    }

    /// Takes `cost` frames. False when there are not so many: the peer is flooding.
    mutating func spend(_ cost: Int, at now: BootInstant) -> Bool {
        if let lastSpent {
            left = min(burst, left + Double(now.since(lastSpent).signedNanoseconds) * 1e-9 * perSecond)
        }
        lastSpent = now
        left -= Double(cost)
        return left >= 0
    }
}
