// The files of `tls`: verified at the start and before every reload, watched while the node runs.

import ClusterModel
package import Logging
package import NodeEnvironment
package import OperatorAPI
import Synchronization

/// One a node with TLS. Thread-safe.
package final class CredentialWatch: Sendable {
    /// What is past its date is told no later than so long after.
    package static let interval: Duration = .seconds(5)

    private struct Subject: Hashable {
        var kind: CredentialExpiry.Kind
        var file: String
        var subject: String
    }

    private struct State {
        var identity: TLSIdentity
        /// As last read; nil for links that read no files.
        var facts: CredentialFacts?
        var said: [Subject: CredentialExpiry.Stage] = [:]
    }

    private let check: CredentialCheck
    /// What every listener and channel was made with.
    private let asked: TLSIdentity
    private let links: any Links
    private let clock: any NodeClock
    private let logger: Logger
    private let state: Mutex<State>

    /// Nil for a node without TLS.
    package init?(_ configuration: NodeConfiguration, environment: NodeEnvironment, logger: Logger) {
        guard let check = CredentialCheck(configuration), let identity = configuration.tls else { return nil }
        self.check = check
        asked = identity
        state = Mutex(State(identity: identity))
        links = environment.links
        clock = environment.clock
        self.logger = logger
    }

    /// Reads the files and judges them; what was read before stays where they are no good. Blocks on the disk. Throws LinkError
    /// `.badCertificate` with the file at fault.
    package func verify() throws(LinkError) {
        let identity = state.withLock(\.identity)
        let facts = try judged(identity)
        state.withLock { $0.facts = facts }
    }

    /// The links use the files that `configuration` names from now on, if they are this node's and good; otherwise nothing
    /// changes. Blocks on the disk. Throws LinkError `.badCertificate` with the file at fault.
    func adopt(_ configuration: NodeConfiguration) throws(LinkError) {
        guard let identity = configuration.tls else { return }
        let facts = try judged(identity)
        try links.reload(asked, from: identity)
        state.withLock { state in
            state.identity = identity
            state.facts = facts
        }
        look()
    }

    private func judged(_ identity: TLSIdentity) throws(LinkError) -> CredentialFacts? {
        guard let facts = try links.inspect(identity) else { return nil }
        if let problem = check.of(identity).problem(with: facts, at: clock.wallTime()) {
            throw LinkError(.badCertificate, problem)
        }
        return facts
    }

    /// When what was verified last ends. Never blocks.
    package var expiries: [CredentialExpiry] {
        state.withLock(\.facts).map { CredentialCheck.expiries(of: $0, at: clock.wallTime()) } ?? []
    }

    /// Says what comes near its end, once for each stage. Until it is cancelled.
    package func run() async throws {
        while true {
            look()
            try await clock.sleep(for: Self.interval)
        }
    }

    private func look() {
        let expiries = expiries
        let news = state.withLock { state in
            let before = state.said
            // What is not in the files any more is not remembered either.
            state.said = Dictionary(
                expiries.map { (Subject(kind: $0.kind, file: $0.file, subject: $0.subject), $0.stage) },
                uniquingKeysWith: { first, second in first.rank > second.rank ? first : second })
            return expiries.filter { expiry in
                let subject = Subject(kind: expiry.kind, file: expiry.file, subject: expiry.subject)
                return expiry.stage != .far && before[subject] != state.said[subject]
            }
        }
        for expiry in news { tell(expiry) }
    }

    private func tell(_ expiry: CredentialExpiry) {
        logger.log(
            level: expiry.stage == .near ? .warning : .error,
            expiry.stage == .past
                ? "a certificate or list is past its date: new connections are refused; see Runbooks/certificate-replaced.md"
                : "a certificate or list is near its end; see Runbooks/certificate-replaced.md",
            metadata: ["what": "\(expiry)"])
    }
}

extension CredentialExpiry.Stage {
    fileprivate var rank: Int {
        switch self {
        case .far: 0
        case .near: 1
        case .urgent: 2
        case .past: 3
        }
    }
}
