// What callers may be, and what a method may ask of them.

/// What a rule of `access` makes of an identity. An identity may have several.
package enum AccessRole: String, Hashable, Comparable, Sendable, CaseIterable {
    /// Serves users: content, reports, profiles, erasure.
    case app
    /// Publishes and withdraws content.
    case publisher
    /// Reads effects as one of the groups, on one of the topics, that its rule names.
    case consumer
    /// Reads figures about content.
    case analyst
    /// Looks at nodes and moves regions.
    case `operator`
    /// Looks at nodes and changes nothing.
    case auditor

    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// What a method asks of its caller.
package enum AccessNeed: Hashable, Sendable {
    /// Nothing: probes have no certificate's name.
    case nothing
    /// Some role, whichever.
    case anyRole
    /// One of these.
    case roles([AccessRole])
    /// On the mesh only: the certificate of a node of a configured peer region.
    case peerNode

    /// For people: `publisher`, `consumer or operator`, `any role`, `nothing`, `a peer region's node`.
    package var words: String {
        switch self {
        case .nothing: "nothing"
        case .anyRole: "any role"
        case .roles(let roles): roles.map(\.rawValue).joined(separator: " or ")
        case .peerNode: "a peer region's node"
        }
    }
}
