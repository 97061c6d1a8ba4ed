// One call from its first attempt to its outcome: which failures go on at once, which wait, which end it. Pure.

package import ClusterModel

/// Rounds over the regions with pauses between them, within the caller's deadline. A region that fails the call is not
/// asked again before the next round; inside a region the call visits a few of its nodes. A value.
package struct CallPlan: Sendable {
    package enum Directive: Hashable, Sendable {
        /// Ask the choice for the next route now.
        case again
        case wait(until: BootInstant)
        case giveUp
    }

    /// Nodes of one region that a call tries in one round.
    static let visits = 3
    /// Of this many refusals for overload, the last one sends the call elsewhere.
    private static let patienceWithOverload = 2
    /// No attempt is cut shorter than this for another region's sake.
    private static let shortestShare = Duration.milliseconds(5)
    private static let maxDoublings = 8

    package let kind: CallKind
    package let deadline: BootInstant
    private var schedule: RetrySchedule
    package private(set) var tried = RegionSet()
    /// What failed, the latest `RegionFailure.kept` of it.
    package private(set) var failures: [RegionFailure] = []
    package private(set) var tries = 0
    /// Rounds in which a region was silent: perhaps all are slow, so the next one is more patient.
    private var silentRounds = 0
    private var wasSilent = false
    /// Some region of this round was there, whatever it said.
    private var wasReached = false
    private var visit = (region: -1, failures: 0)
    private var overloads = 0
    private var last: MeridianClientError?
    /// The soonest time that any region of this round asked for.
    private var wish: Duration?

    package init(_ kind: CallKind, policy: RetryPolicy, deadline: BootInstant) {
        self.kind = kind
        self.deadline = deadline
        schedule = RetrySchedule(policy, deadline: deadline)
    }

    package var ask: RegionChoice.Ask {
        RegionChoice.Ask(tried: tried, isWrite: kind.isWrite, mayTry: tries == 0 && !kind.isPatient)
    }

    /// When an attempt that starts now is given up. `patience`: what its region may take while another one is there;
    /// nil when there is none. Half of what is left stays for the others.
    package func attemptDeadline(patience: Duration?, at now: BootInstant) -> BootInstant {
        let longest = schedule.attemptDeadline(at: now)
        guard let patience, !kind.isPatient else { return longest }
        let share = max(deadline.since(now) / 2, Self.shortestShare)
        return min(longest, now.advanced(by: min(patience * (1 << min(silentRounds, Self.maxDoublings)), share)))
    }

    /// `random` is 64 uniform bits. `isOpen`: the region has nodes that have not failed.
    package mutating func onFailure(
        _ error: MeridianClientError, _ failure: RegionFailure, of region: Int, _ verdict: RegionVerdict, isOpen: Bool,
        at now: BootInstant, random: UInt64
    ) -> Directive {
        note(error, failure)
        guard schedule.repeats, now < deadline else { return .giveUp }
        if verdict == .silent { wasSilent = true }
        if verdict != .unreachable { wasReached = true }
        switch verdict {
        case .final: return .giveUp
        case .busy:
            overloads += 1
            if error.code != .overloaded || overloads % Self.patienceWithOverload != 0 {
                return pause(wish: error.retryAfter ?? .zero, at: now, random: random)
            }
            tried.insert(region)
        case .elsewhere: tried.insert(region)
        case .unreachable, .silent, .closed:
            visit = visit.region == region ? (region, visit.failures + 1) : (region, 1)
            if !isOpen || visit.failures >= Self.visits { tried.insert(region) }
        }
        return .again
    }

    /// No region is left in this round.
    package mutating func onRoundOver(at now: BootInstant, random: UInt64) -> Directive {
        // Without any failure there was nobody to ask at all. A token whose key no region knows is better left out.
        guard last.map({ $0.isTransient && $0.reason != ServerReason.tokenKeyUnknown }) ?? true else { return .giveUp }
        guard wasReached || schedule.awaitsNodes else { return .giveUp }
        if wasSilent { silentRounds += 1 }
        wasSilent = false
        wasReached = false
        tried = RegionSet()
        visit = (-1, 0)
        defer { wish = nil }
        return pause(wish: wish ?? .zero, at: now, random: random)
    }

    /// What the caller is told: the last failure, with all that came before it.
    package var outcome: MeridianClientError {
        var error = last ?? MeridianClientError(.unavailable, "no region could be asked")
        error.attempts = failures
        return error
    }

    private mutating func pause(wish: Duration, at now: BootInstant, random: UInt64) -> Directive {
        guard schedule.onRound() else { return .giveUp }
        return switch schedule.pause(wish: wish, at: now, random: random) {
        case .retry(let instant): .wait(until: instant)
        case .giveUp: .giveUp
        }
    }

    private mutating func note(_ error: MeridianClientError, _ failure: RegionFailure) {
        tries += 1
        last = error
        let asked = error.retryAfter ?? .zero
        wish = wish.map { min($0, asked) } ?? asked
        if failures.count == RegionFailure.kept { failures.removeFirst() }
        failures.append(failure)
    }
}
