// The rules in force: asked at every call, replaced when somebody edits the configuration.

import ClusterModel
package import Metrics
package import NodeEnvironment
import Synchronization

/// A call that was refused for want of a role.
package struct AccessDenial: Hashable, Sendable {
    /// The certificate's URI SAN, or "no certificate".
    package var identity: String
    package var method: String
    package var need: String
    package var has: String
    /// Denials since the last one that was told.
    package var untold: Int
}

/// One a node. Safe to use from all loops.
package final class AccessControl: Sendable {
    /// Identities whose grants are remembered; one more forgets all of them.
    static let maxRemembered = 1_024
    /// Pairs of identity and method with a counter of their own; others count as "other".
    package static let maxCounted = 256

    private struct DeniedCall: Hashable {
        var identity: String
        var method: String
    }

    private struct State {
        var rules: AccessRules
        var remembered: [String: AccessGrants] = [:]
        var counted: [DeniedCall: Counter] = [:]
        var log = DenialLog()
    }

    /// Plaintext on loopback: everybody on this machine may do everything.
    package let isOpen: Bool
    private let deploymentID: String
    private let clock: any NodeClock
    private let factory: any MetricsFactory
    private let refusals: ServingMetrics
    private let report: @Sendable (AccessDenial) -> Void
    private let state: Mutex<State>

    /// - Parameters:
    ///   - rules: in force until `replace`; nil allows everything, for ever.
    ///   - report: is told of denials at a bounded rate.
    package init(
        _ rules: AccessRules?, deploymentID: String, clock: any NodeClock, metrics factory: any MetricsFactory,
        report: @escaping @Sendable (AccessDenial) -> Void
    ) {
        isOpen = rules == nil
        self.deploymentID = deploymentID
        self.clock = clock
        self.factory = factory
        refusals = ServingMetrics(factory: factory)
        self.report = report
        state = Mutex(State(rules: rules ?? AccessRules()))
    }

    /// In force for calls that come from now on; streams of consumers notice with their next reply.
    package func replace(_ rules: AccessRules) {
        state.withLock { state in
            state.rules = rules
            state.remembered = [:]
        }
    }

    /// One look-up under a short lock for an identity that was seen before.
    package func grants(of peer: PeerIdentity) -> AccessGrants {
        if isOpen { return .everything }
        guard let uri = peer.certificateURI else { return AccessGrants() }
        return state.withLock { state in
            if let known = state.remembered[uri] { return known }
            let grants = state.rules.grants(to: uri)
            if state.remembered.count >= Self.maxRemembered { state.remembered = [:] }
            state.remembered[uri] = grants
            return grants
        }
    }

    /// Nil lets the call of `method`, which has this need, in.
    func refusal(of peer: PeerIdentity, _ method: String, _ need: AccessNeed?) -> Refusal? {
        if isOpen || need == .nothing { return nil }
        let grants = grants(of: peer)
        if let need, grants.meets(need) { return nil }
        // Nobody behind the door counts what does not come in.
        refusals.refused(.roleRequired)
        return deny(peer, method, need: need?.words ?? "what nobody has", grants, .roleRequired)
    }

    /// Nil lets the caller be this consumer.
    func refusal(of peer: PeerIdentity, _ method: String, _ group: StreamGroup) -> Refusal? {
        if isOpen { return nil }
        let grants = grants(of: peer)
        let isOverseen = AccessTable.need(of: method).map(grants.oversees) ?? false
        guard !isOverseen, !grants.admits(group) else { return nil }
        let need = "consumer of the group \(group.name) on the topic \(group.topic.rawValue)"
        return deny(peer, method, need: need, grants, .groupNotAllowed)
    }

    // MARK: Denials

    private func deny(
        _ peer: PeerIdentity, _ method: String, need: String, _ grants: AccessGrants, _ reason: ErrorReason
    ) -> Refusal {
        let identity = peer.certificateURI ?? "no certificate"
        let now = clock.bootTime()
        let (denied, untold) = state.withLock { state -> (Counter, Int?) in
            (counter(of: identity, method, &state), state.log.onDenied(at: now))
        }
        denied.increment()
        if let untold {
            report(
                AccessDenial(identity: identity, method: method, need: need, has: grants.words, untold: untold))
        }
        return Refusal(
            reason, "\(method) needs \(need); \(identity) has \(grants.words)",
            metadata: [("method", method), ("role", need)])
    }

    /// The counter of this identity and method, in a table of bounded size.
    private func counter(of identity: String, _ method: String, _ state: inout State) -> Counter {
        let key = DeniedCall(identity: identity, method: method)
        if let known = state.counted[key] { return known }
        guard state.counted.count < Self.maxCounted, identity.utf8.count <= AccessPattern.maxBytes else {
            return counter("other", "other")
        }
        let prefix = "meridian://\(deploymentID)/"
        let name = identity.hasPrefix(prefix) ? String(identity.dropFirst(prefix.count)) : identity
        let made = counter(name, method)
        state.counted[key] = made
        return made
    }

    private func counter(_ client: String, _ method: String) -> Counter {
        Counter(
            label: "meridian_access_denied_total", dimensions: [("client", client), ("method", method)],
            factory: factory)
    }
}
