// Whether the files of `tls` are this node's, and good today. Pure.

package import ClusterModel
package import NodeEnvironment
package import OperatorAPI

/// What a node needs of its certificate. A value.
package struct CredentialCheck: Hashable, Sendable {
    private let deployment: String
    private let region: String
    private let hasPeers: Bool
    private var authorityPath: String

    /// Nil for a node without TLS.
    package init?(_ configuration: NodeConfiguration) {
        guard let tls = configuration.tls else { return nil }
        deployment = configuration.deployment.id
        region = configuration.region.name
        hasPeers = !configuration.peers.isEmpty
        authorityPath = tls.authorityPath
    }

    /// The same node's, for files of `identity`.
    func of(_ identity: TLSIdentity) -> CredentialCheck {
        var check = self
        check.authorityPath = identity.authorityPath
        return check
    }

    /// The first thing that keeps the node from using the files, with the file at fault; nil when they are good.
    package func problem(with facts: CredentialFacts, at now: WallTime) -> String? {
        let own = facts.certificate
        if let problem = Self.time(own, "the node's certificate", now) { return problem }
        if let failure = facts.chainFailure {
            return "\(own.file): the node's certificate is not of an authority in \(authorityPath): \(failure)"
        }
        if let problem = identity(facts.uri) { return "\(own.file): \(problem)" }
        if facts.isRevoked { return "\(own.file): the node's certificate is revoked" }
        guard facts.servesAsServer else {
            return "\(own.file): the certificate may not be used by a server (its extended key usage)"
        }
        guard facts.servesAsClient || !hasPeers else {
            return
                "\(own.file): the certificate may not be used by a client, as a node is among peers (its extended key usage)"
        }
        // One good authority is enough: files hold the old and the new one while all certificates are replaced.
        let authorities = facts.authorities.map { Self.time($0, "the authority", now) }
        if let problem = authorities.first ?? nil, authorities.allSatisfy({ $0 != nil }) { return problem }
        if let file = facts.foreignList {
            return "\(file): a revocation list is not signed by an authority in \(authorityPath)"
        }
        for list in facts.revocationLists {
            if let problem = Self.time(list, "the revocation list", now) { return problem }
        }
        return nil
    }

    /// `meridian://<deployment>/<region>/<node>`.
    private func identity(_ uri: String?) -> String? {
        let wanted = "meridian://\(deployment)/\(region)/"
        guard let uri else { return "the certificate names no identity; one URI is needed that begins with \(wanted)" }
        let parts = uri.split(separator: "/", omittingEmptySubsequences: false)
        guard uri.hasPrefix("meridian://"), parts.count == 5, !parts[4].isEmpty else {
            return "\(uri) is no identity of a node; it would begin with \(wanted)"
        }
        guard parts[2] == deployment else { return "\(uri) is of another deployment than \(deployment)" }
        guard parts[3] != "client" else { return "\(uri) is a client's certificate, not a node's" }
        guard parts[3] == region else { return "\(uri) is of another region than \(region)" }
        return nil
    }

    private static func time(_ document: CredentialFacts.Document, _ what: String, _ now: WallTime) -> String? {
        if let end = document.endsAt, end < now {
            return "\(document.file): \(what) (\(document.subject)) is past its date, \(end.utcDate)"
        }
        if let begin = document.beginsAt, now < begin {
            return
                "\(document.file): \(what) (\(document.subject)) is not valid before \(begin.utcDate); the clock says "
                + now.utcDate
        }
        return nil
    }

    /// How long each document is good for.
    package static func expiries(of facts: CredentialFacts, at now: WallTime) -> [CredentialExpiry] {
        func expiry(_ kind: CredentialExpiry.Kind, _ document: CredentialFacts.Document) -> CredentialExpiry? {
            guard let end = document.endsAt else { return nil }
            let left = seconds(end) - seconds(now)
            let lifetime = document.beginsAt.map { seconds(end) - seconds($0) } ?? .max
            return CredentialExpiry(
                kind: kind, file: document.file, subject: document.subject, secondsLeft: left,
                stage: CredentialExpiry.stage(secondsLeft: left, lifetime: lifetime))
        }
        return [expiry(.certificate, facts.certificate)].compactMap(\.self)
            + facts.authorities.compactMap { expiry(.authority, $0) }
            + facts.revocationLists.compactMap { expiry(.revocationList, $0) }
    }

    private static func seconds(_ time: WallTime) -> Int64 { Int64(clamping: time.milliseconds / 1_000) }
}

extension WallTime {
    /// Year, month and day in UTC, such as 2026-11-30, by the civil-from-days method.
    var utcDate: String {
        let days = Int64(clamping: milliseconds / 86_400_000) + 719_468
        let era = days / 146_097
        let day = days - era * 146_097
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365
        let ordinal = day - (365 * year + year / 4 - year / 100)
        let month = (5 * ordinal + 2) / 153
        let (civilMonth, civilDay) = (month < 10 ? month + 3 : month - 9, ordinal - (153 * month + 2) / 5 + 1)
        func padded(_ number: Int64) -> String { (number < 10 ? "0" : "") + String(number) }
        return "\(year + era * 400 + (civilMonth <= 2 ? 1 : 0))-\(padded(civilMonth))-\(padded(civilDay))"
    }
}
