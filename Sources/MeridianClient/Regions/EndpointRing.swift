// The nodes of one region: calls go to one until it fails, then to the next.

/// Turns from node to node. A value.
package struct EndpointRing: Hashable, Sendable {
    package let count: Int
    package private(set) var current = 0
    /// A bit for each endpoint that failed and has not answered since.
    private var failed: UInt64 = 0

    /// `count`: 1...64 (`RegionEndpoints.maxEndpoints`).
    package init(count: Int) { self.count = min(max(1, count), UInt64.bitWidth) }

    /// Every endpoint has failed.
    package var isExhausted: Bool { failed.nonzeroBitCount >= count }

    package mutating func onAnswer(_ endpoint: Int) { failed &= ~(1 << UInt64(endpoint)) }

    /// Of many calls that failed on one endpoint only the first one turns away from it.
    package mutating func onFailure(_ endpoint: Int) {
        failed |= 1 << UInt64(endpoint)
        if endpoint == current { turn() }
    }

    /// Forgets what failed: the next visit may find any of them well.
    package mutating func forgive() { failed = 0 }

    /// To the next endpoint that has not failed; to the next one where all have.
    private mutating func turn() {
        for step in 1...count {
            let candidate = (current + step) % count
            if failed & (1 << UInt64(candidate)) == 0 || step == count {
                current = step == count ? (current + 1) % count : candidate
                return
            }
        }
    }
}
