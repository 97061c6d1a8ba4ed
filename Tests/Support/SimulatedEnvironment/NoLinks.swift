// The links of a machine without a network.

import ClusterModel
package import NodeEnvironment

/// Refuses to listen and to connect: for tests of rooms that need neither.
package struct NoLinks: Links {
    package init() {}

    package func listen(
        on endpoint: Endpoint, security: LinkSecurity, handler: any CallHandler
    ) async throws(LinkError) -> any Listener {
        throw Self.refusal
    }

    package func servePages(
        on endpoint: Endpoint, handler: any PageHandler
    ) async throws(LinkError) -> any Listener {
        throw Self.refusal
    }

    package func channel(to endpoint: Endpoint, security: LinkSecurity) throws(LinkError) -> any CallChannel {
        throw Self.refusal
    }

    private static let refusal = LinkError(.badAddress, "this environment has no network")
}
