// What the rules of a configuration say of one identity and one method: for people who write rules.

import ServingAPI

/// An answer to "may this one do that?".
package struct AccessAnswer: Hashable, Sendable {
    package var isAllowed: Bool
    package var method: String
    /// What the method needs, what the identity has, and which rules give it.
    package var reason: String
}

/// A question that cannot be answered: there is no such method, or no such consumer.
package struct AccessQuestionError: Error, Hashable, CustomStringConvertible {
    package var description: String
}

/// One row of the table of methods.
package struct AccessRequirement: Hashable, Sendable {
    package var method: String
    package var needs: String
}

extension NodeConfiguration {
    /// Every method that a node serves, and what it needs of its caller.
    package static var accessRequirements: [AccessRequirement] {
        AccessTable.rows.map { AccessRequirement(method: $0.path, needs: $0.need.words) }
    }

    /// The rules, one a line.
    package var accessRules: [String] {
        access.rules.map { rule in
            let streams =
                rule.groups.isEmpty
                ? ""
                : " of \(rule.groups.map(\.text).joined(separator: ", ")) on "
                    + rule.topics.map(\.rawValue).joined(separator: ", ")
            return "\(rule.identities.map(\.text).joined(separator: ", ")): "
                + rule.roles.map(\.rawValue).joined(separator: ", ") + streams
        }
    }

    /// Whether a certificate with the URI SAN `identity` may call `method`, a path or its last parts; as this consumer
    /// where a group is given.
    package func access(
        of identity: String, to method: String, group: String? = nil, topic: String = "user-events"
    ) throws(AccessQuestionError) -> AccessAnswer {
        let rows = AccessTable.rows(named: method)
        guard let row = rows.first, rows.count == 1 else {
            let others = rows.map(\.path).joined(separator: ", ")
            throw AccessQuestionError(
                description: rows.isEmpty ? "there is no method \(method)" : "\(method) may be any of \(others)")
        }
        if row.need == .peerNode { return meshAnswer(identity, row) }
        guard tls != nil else {
            return AccessAnswer(
                isAllowed: true, method: row.path,
                reason: "without tls every caller on this machine may do everything")
        }
        if row.need == .nothing { return AccessAnswer(isAllowed: true, method: row.path, reason: "needs nothing") }
        let grants = access.grants(to: identity)
        let has = "\(identity) has \(grants.words)"
        guard grants.meets(row.need) else {
            return AccessAnswer(isAllowed: false, method: row.path, reason: "needs \(row.need.words); \(has)")
        }
        guard let group else { return try answer(row, grants, on: topic, has) }
        guard let topic = EffectTopic(rawValue: topic), let consumer = StreamGroup(name: group, topic: topic) else {
            throw AccessQuestionError(description: "there is no group \(group) on a topic \(topic)")
        }
        let isAdmitted = grants.oversees(row.need) || grants.admits(consumer)
        return AccessAnswer(
            isAllowed: isAdmitted, method: row.path,
            reason: isAdmitted ? has : "\(has), but not of the group \(group) on the topic \(topic.rawValue)")
    }

    /// Without a group: whether there is one as which the identity may call.
    private func answer(
        _ row: AccessTable.Row, _ grants: AccessGrants, on name: String, _ has: String
    ) throws(AccessQuestionError) -> AccessAnswer {
        guard row.isOfOneGroup, !grants.oversees(row.need) else {
            return AccessAnswer(isAllowed: true, method: row.path, reason: has)
        }
        guard let topic = EffectTopic(rawValue: name) else {
            throw AccessQuestionError(description: "there is no topic \(name)")
        }
        let groups = grants.groups(on: topic)
        let whose = groups.isEmpty ? "of no group" : "of \(groups.joined(separator: ", "))"
        return AccessAnswer(
            isAllowed: !groups.isEmpty, method: row.path,
            reason: "\(has), \(whose) on the topic \(name); --group and --topic ask for one")
    }

    private func meshAnswer(_ identity: String, _ row: AccessTable.Row) -> AccessAnswer {
        let isPeer = peers.contains { identity.hasPrefix("meridian://\(deployment.id)/\($0.region)/") }
        return AccessAnswer(
            isAllowed: isPeer, method: row.path,
            reason: isPeer ? "a node of a peer region" : "needs \(row.need.words); \(identity) is none")
    }
}
