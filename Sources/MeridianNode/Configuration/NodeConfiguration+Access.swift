// Reading of `access`: who may do what.

import ServingAPI

extension NodeConfiguration {
    /// What is allowed and hardly meant.
    package var warnings: [String] {
        tls != nil && access.rules.isEmpty
            ? ["no access rules: every call but health is refused; see access in Config/"] : []
    }

    /// The rules, each checked: a slip in one of them would let in too many, or nobody.
    static func access(
        _ root: inout ConfigurationSection, deploymentID: String
    ) throws(ConfigurationError) -> AccessRules {
        var rules: [AccessRule] = []
        for var section in try root.sections("access", limit: AccessRules.maxRules) {
            let rule = AccessRule(
                identities: try identities(&section, deploymentID: deploymentID), roles: try roles(&section),
                groups: try groups(&section), topics: try topics(&section))
            let isConsumer = rule.roles.contains(.consumer)
            guard isConsumer == !rule.groups.isEmpty, isConsumer == !rule.topics.isEmpty else {
                throw section.failure(
                    isConsumer ? .missingKey : .invalidValue, rule.groups.isEmpty ? "groups" : "topics",
                    "a rule names groups and topics where, and only where, it has the role consumer")
            }
            try section.finish()
            rules.append(rule)
        }
        return AccessRules(rules)
    }

    private static func identities(
        _ section: inout ConfigurationSection, deploymentID: String
    ) throws(ConfigurationError) -> [AccessPattern] {
        var patterns: [AccessPattern] = []
        for text in try section.strings("identities", limit: AccessRules.maxPatterns) {
            let pattern = try pattern(text, &section, "identities")
            let parts = text.split(separator: "/", omittingEmptySubsequences: false)
            // A wildcard there would make nodes clients, or clients nodes, by accident.
            guard parts.count == 5, parts[0] == "meridian:", parts[1].isEmpty, parts[2] == deploymentID,
                !parts[3].isEmpty, !parts[3].contains("*"), !parts[4].isEmpty
            else {
                throw section.failure(
                    .invalidValue, "identities",
                    "\(text) is not meridian://\(deploymentID)/client/NAME, with * in NAME for any characters")
            }
            patterns.append(pattern)
        }
        guard !patterns.isEmpty else {
            throw section.failure(
                .missingKey, "identities", "for instance [\"meridian://\(deploymentID)/client/app-*\"]")
        }
        return patterns
    }

    private static func roles(_ section: inout ConfigurationSection) throws(ConfigurationError) -> [AccessRole] {
        var roles: [AccessRole] = []
        let known = AccessRole.allCases.map(\.rawValue).joined(separator: ", ")
        for text in try section.strings("roles", limit: AccessRules.maxPatterns) {
            guard let role = AccessRole(rawValue: text) else {
                throw section.failure(.invalidValue, "roles", "\(text) is none of \(known)")
            }
            roles.append(role)
        }
        guard !roles.isEmpty else { throw section.failure(.missingKey, "roles", "some of \(known)") }
        return roles
    }

    private static func groups(
        _ section: inout ConfigurationSection
    ) throws(ConfigurationError) -> [AccessPattern] {
        var patterns: [AccessPattern] = []
        for text in try section.strings("groups", limit: AccessRules.maxPatterns) {
            patterns.append(try pattern(text, &section, "groups"))
        }
        return patterns
    }

    private static func topics(
        _ section: inout ConfigurationSection
    ) throws(ConfigurationError) -> [EffectTopic] {
        var topics: [EffectTopic] = []
        for text in try section.strings("topics", limit: AccessRules.maxPatterns) {
            guard text != "*" else {
                topics += EffectTopic.allCases
                continue
            }
            guard let topic = EffectTopic(rawValue: text) else {
                let known = EffectTopic.allCases.map(\.rawValue).joined(separator: ", ")
                throw section.failure(.invalidValue, "topics", "\(text) is none of \(known), nor \"*\" for all")
            }
            topics.append(topic)
        }
        return topics
    }

    private static func pattern(
        _ text: String, _ section: inout ConfigurationSection, _ key: String
    ) throws(ConfigurationError) -> AccessPattern {
        guard let pattern = AccessPattern(text) else {
            throw section.failure(
                .invalidValue, key,
                "\"\(text)\": 1 to \(AccessPattern.maxBytes) bytes with at most \(AccessPattern.maxWildcards) *")
        }
        return pattern
    }
}
