// How calls are spread over the endpoints of one peer.

/// What a pool does with its endpoints when a call does not say otherwise.
package struct PeerPolicy: Hashable, Sendable {
    package enum Balancing: Hashable, Sendable {
        /// The endpoints in their order: the first that can be reached, for as long as it can.
        case pickFirst
        /// The endpoint with the fewest calls of this pool under way.
        case leastLoaded
    }

    package var balancing = Balancing.pickFirst
    package var call = CallPolicy()
    /// Hedged attempts for each hundred calls, so that slowness is not answered with twice the load.
    package var hedgesPerHundredCalls = 10

    package init(balancing: Balancing = .pickFirst, call: CallPolicy = CallPolicy()) {
        self.balancing = balancing
        self.call = call
    }
}

/// What may be done for one call.
package struct CallPolicy: Hashable, Sendable {
    /// Whether the call may be carried out twice: only such calls are sent again after they were sent.
    package var isSafe: Bool
    /// Whether the call waits until an endpoint can be reached, as long as its deadline allows; without a deadline it does
    /// not wait.
    package var waitsForReady: Bool
    /// A safe call that has no answer after this long is asked of a second endpoint too; the first answer counts.
    package var hedgesAfter: Duration?

    package init(isSafe: Bool = false, waitsForReady: Bool = false, hedgesAfter: Duration? = nil) {
        self.isSafe = isSafe
        self.waitsForReady = waitsForReady
        self.hedgesAfter = hedgesAfter
    }
}

/// Allows a share of calls to be hedged. A pure value.
struct HedgeBudget: Hashable, Sendable {
    /// Hedges that may be saved up.
    static let maxSaved = 1_000
    private let perHundredCalls: Int
    /// Hundredths of hedges.
    private var saved = 100

    init(perHundredCalls: Int) { self.perHundredCalls = perHundredCalls }

    mutating func onCall() { saved = min(Self.maxSaved * 100, saved + perHundredCalls) }

    /// Takes a hedge; false when there is none.
    mutating func spend() -> Bool {
        guard perHundredCalls > 0, saved >= 100 else { return false }
        saved -= 100
        return true
    }
}
