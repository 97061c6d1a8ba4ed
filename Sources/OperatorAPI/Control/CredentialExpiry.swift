// When certificates and revocation lists end, as operators see it.

/// One document of `tls` and how long it is good for. A value, as of when it was made.
package struct CredentialExpiry: Hashable, Sendable, CustomStringConvertible {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        case certificate
        case authority
        case revocationList = "revocation_list"
    }

    /// 30 days and 7 days before its end; for what lives shortly, a third and a twelfth of its life.
    package enum Stage: Hashable, Sendable {
        case far
        case near
        case urgent
        /// It is over.
        case past
    }

    package var kind: Kind
    package var file: String
    /// Whose it is.
    package var subject: String
    /// Negative once it is past.
    package var secondsLeft: Int64
    package var stage: Stage

    package init(kind: Kind, file: String, subject: String, secondsLeft: Int64, stage: Stage) {
        self.kind = kind
        self.file = file
        self.subject = subject
        self.secondsLeft = secondsLeft
        self.stage = stage
    }

    /// Of something that is good for `lifetime` seconds altogether.
    package static func stage(secondsLeft: Int64, lifetime: Int64) -> Stage {
        let day: Int64 = 86_400
        if secondsLeft < 0 { return .past }
        if secondsLeft < min(7 * day, lifetime / 12) { return .urgent }
        return secondsLeft < min(30 * day, lifetime / 3) ? .near : .far
    }

    package var description: String {
        let days = secondsLeft / 86_400
        let when = secondsLeft < 0 ? "is past its date" : days > 0 ? "ends in \(days) days" : "ends in less than a day"
        return "\(file) (\(kind.rawValue) of \(subject)) \(when)"
    }
}

extension NodeControl {
    /// A node without TLS has none.
    package var credentials: [CredentialExpiry] { [] }
}
