// What a client does not even send: a server far beyond its limits spends its time on refusing.

package import ClusterModel

/// When a client turns calls away by itself, since its region refuses most of them for overload. Each class of calls is
/// looked at alone: prefetches, writes, and reads that somebody waits for.
public struct ThrottlePolicy: Hashable, Sendable {
    /// Calls that are sent for one that is let in: 2 lets a region see twice what it takes, and so notice at once when it
    /// can take more.
    public var excess: Double
    /// What is this old counts half.
    public var halfLife: Duration
    /// Refused calls that are put up with before any is turned away.
    public var allowance: Double

    /// Twice what is let in, a half-life of five seconds, ten calls for nothing.
    public init(excess: Double = 2, halfLife: Duration = .seconds(5), allowance: Double = 10) {
        self.excess = max(1, excess)
        self.halfLife = max(.milliseconds(1), halfLife)
        self.allowance = max(0, allowance)
    }
}

/// The throttles of a client: one for each region and class. A value.
struct CallThrottles: Sendable {
    private static let classes = 3

    private var throttles: [CallThrottle]

    /// Without a policy nothing is turned away.
    init(regions: Int, _ policy: ThrottlePolicy?) {
        throttles = policy.map { Array(repeating: CallThrottle($0), count: regions * Self.classes) } ?? []
    }

    /// As `CallThrottle.onCall`. What operators ask is always sent.
    mutating func onCall(_ kind: CallKind, isAhead: Bool, to region: Int, at now: BootInstant) -> Bool {
        guard let place = place(kind, isAhead, region) else { return true }
        return throttles[place].onCall(at: now)
    }

    mutating func onAccepted(_ kind: CallKind, isAhead: Bool, in region: Int) {
        if let place = place(kind, isAhead, region) { throttles[place].onAccepted() }
    }

    private func place(_ kind: CallKind, _ isAhead: Bool, _ region: Int) -> Int? {
        guard !throttles.isEmpty, !kind.isLocal else { return nil }
        return region * Self.classes + (isAhead ? 0 : kind.isWrite ? 1 : 2)
    }
}

/// Counts what was wanted and what was let in, and keeps what is sent near a multiple of the latter (client-side
/// throttling: Beyer et al., Site Reliability Engineering, chapter 21). One class of calls to one region; a value of fixed
/// size that brings no clock and no randomness: every n-th call is sent, evenly.
package struct CallThrottle: Hashable, Sendable {
    private static let maxHalvings = 64

    private let policy: ThrottlePolicy
    private var wanted = 0.0
    private var accepted = 0.0
    private var credit = 0.0
    private var halvedAt: BootInstant?

    package init(_ policy: ThrottlePolicy) { self.policy = policy }

    /// Whether a call may be sent; counts it either way.
    package mutating func onCall(at now: BootInstant) -> Bool {
        age(now)
        let share = 1 - min(1, max(0, (wanted - policy.excess * accepted - policy.allowance) / (wanted + 1)))
        wanted += 1
        guard share < 1 else { return true }
        credit += share
        guard credit >= 1 else { return false }
        credit -= 1
        return true
    }

    /// The call that was sent came to something other than a refusal for overload.
    package mutating func onAccepted() { accepted += 1 }

    private mutating func age(_ now: BootInstant) {
        guard let last = halvedAt else { return halvedAt = now }
        let halvings = min(Self.maxHalvings, Int(max(0, now.since(last) / policy.halfLife)))
        guard halvings > 0 else { return }
        halvedAt = now
        for _ in 0..<halvings {
            wanted /= 2
            accepted /= 2
        }
    }
}
