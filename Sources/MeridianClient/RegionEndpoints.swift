// The nodes of a region, as a client reaches them.

package import NodeEnvironment

/// A region's endpoints in the order of preference; never empty.
package struct RegionEndpoints: Hashable, Sendable {
    package let endpoints: [Endpoint]
    package let security: LinkSecurity
    /// More endpoints than this are not used.
    package static let maxEndpoints = 64

    /// Nil without an endpoint, or with too many.
    package init?(_ endpoints: [Endpoint], security: LinkSecurity) {
        guard !endpoints.isEmpty, endpoints.count <= Self.maxEndpoints else { return nil }
        self.endpoints = endpoints
        self.security = security
    }
}

/// Which endpoint calls go to: one until it fails, then the next. A value.
package struct EndpointChoice: Hashable, Sendable {
    private let count: Int
    package private(set) var current = 0

    /// `count` >= 1.
    package init(count: Int) { self.count = max(1, count) }

    /// Of many calls that failed on one endpoint only the first one turns away from it.
    package mutating func onUnavailable(_ endpoint: Int) {
        if endpoint == current { current = (current + 1) % count }
    }
}
