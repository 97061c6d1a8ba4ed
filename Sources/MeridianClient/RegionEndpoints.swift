// The nodes of a region, as a client reaches them.

package import NodeEnvironment

/// A region's endpoints in the order of preference; never empty.
package struct RegionEndpoints: Hashable, Sendable {
    /// As errors, statistics and `CallOptions.region` call it: the first endpoint where none was given.
    package let name: String
    package let endpoints: [Endpoint]
    package let security: LinkSecurity
    /// More endpoints than this are not used.
    package static let maxEndpoints = 64

    /// Nil without an endpoint, or with too many.
    package init?(name: String = "", _ endpoints: [Endpoint], security: LinkSecurity) {
        guard let first = endpoints.first, endpoints.count <= Self.maxEndpoints else { return nil }
        self.name = name.isEmpty ? first.description : name
        self.endpoints = endpoints
        self.security = security
    }
}
