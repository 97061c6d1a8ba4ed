// Who may do what: the rules of a configuration, and what they grant to an identity.

/// One entry of `access`.
package struct AccessRule: Hashable, Sendable {
    /// Over the URI SAN of a certificate.
    package var identities: [AccessPattern]
    package var roles: [AccessRole]
    /// Groups that a consumer may read as, commit and forget.
    package var groups: [AccessPattern]
    package var topics: [EffectTopic]

    package init(
        identities: [AccessPattern], roles: [AccessRole], groups: [AccessPattern] = [], topics: [EffectTopic] = []
    ) {
        self.identities = identities
        self.roles = roles
        self.groups = groups
        self.topics = topics
    }
}

/// The rules of a node. What no rule grants is refused.
package struct AccessRules: Hashable, Sendable {
    package static let maxRules = 64
    /// Identities, groups and topics of one rule, each.
    package static let maxPatterns = 64

    package var rules: [AccessRule]

    package init(_ rules: [AccessRule] = []) { self.rules = rules }

    /// Everything that rules give to a certificate of this URI SAN; nothing to a caller without one.
    /// Complexity: O(patterns).
    package func grants(to uri: String?) -> AccessGrants {
        guard let uri else { return AccessGrants() }
        var grants = AccessGrants()
        for rule in rules where rule.identities.contains(where: { $0.matches(uri) }) {
            grants.roles.formUnion(rule.roles)
            if rule.roles.contains(.consumer) {
                grants.streams.append(AccessGrants.Streams(groups: rule.groups, topics: rule.topics))
            }
        }
        return grants
    }
}

/// What an identity may do.
package struct AccessGrants: Hashable, Sendable {
    /// What one rule grants to a consumer.
    package struct Streams: Hashable, Sendable {
        var groups: [AccessPattern]
        var topics: [EffectTopic]
    }

    package var roles: Set<AccessRole> = []
    package var streams: [Streams] = []
    /// Plaintext on loopback: everything is allowed.
    private var isUnbounded = false

    package init() {}

    package static let everything: AccessGrants = {
        var grants = AccessGrants()
        grants.roles = Set(AccessRole.allCases)
        grants.isUnbounded = true
        return grants
    }()

    package func meets(_ need: AccessNeed) -> Bool {
        switch need {
        case .nothing: true
        case .anyRole: !roles.isEmpty
        case .roles(let wanted): wanted.contains { roles.contains($0) }
        case .peerNode: false
        }
    }

    /// Whether the identity may be this consumer.
    package func admits(_ group: StreamGroup) -> Bool {
        isUnbounded
            || streams.contains { stream in
                stream.topics.contains(group.topic) && stream.groups.contains { $0.matches(group.name) }
            }
    }

    /// The groups that the identity may be on a topic, as rules write them.
    package func groups(on topic: EffectTopic) -> [String] {
        streams.filter { $0.topics.contains(topic) }.flatMap { $0.groups.map(\.text) }
    }

    /// Whether all consumers are the identity's to see, or to forget.
    package func oversees(_ need: AccessNeed) -> Bool {
        guard case .roles(let wanted) = need else { return isUnbounded }
        return isUnbounded || wanted.contains { $0 != .consumer && roles.contains($0) }
    }

    /// For people, ascending: `app, publisher`, or `no role`.
    package var words: String {
        roles.isEmpty ? "no role" : roles.sorted().map(\.rawValue).joined(separator: ", ")
    }
}
