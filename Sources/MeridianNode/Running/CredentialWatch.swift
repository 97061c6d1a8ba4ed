// The files of `tls`: verified at the start and before every reload, watched while the node runs.

import ClusterModel
package import Logging
package import NodeEnvironment
package import OperatorAPI
import Synchronization

/// One a node with TLS. Thread-safe.
package final class CredentialWatch: Sendable {
    package static let interval: Duration = .seconds(600)

    private struct State {
        /// As last read; nil for links that read no files.
        var facts: CredentialFacts?
        var said: [CredentialExpiry.Kind: CredentialExpiry.Stage] = [:]
    }

    private let check: CredentialCheck
    private let identity: TLSIdentity
    private let links: any Links
    private let clock: any NodeClock
    private let logger: Logger
    private let state = Mutex(State())

    /// Nil for a node without TLS.
    package init?(_ configuration: NodeConfiguration, environment: NodeEnvironment, logger: Logger) {
        guard let check = CredentialCheck(configuration), let identity = configuration.tls else { return nil }
        self.check = check
        self.identity = identity
        links = environment.links
        clock = environment.clock
        self.logger = logger
    }

    /// Reads the files and judges them; what was read before stays where they are no good. Blocks on the disk. Throws LinkError
    /// `.badCertificate` with the file at fault.
    package func verify() throws(LinkError) {
        guard let facts = try links.inspect(identity) else { return }
        if let problem = check.problem(with: facts, at: clock.wallTime()) { throw LinkError(.badCertificate, problem) }
        state.withLock { $0.facts = facts }
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
        for kind in CredentialExpiry.Kind.allCases {
            guard let first = expiries.filter({ $0.kind == kind }).min(by: { $0.secondsLeft < $1.secondsLeft }) else {
                continue
            }
            let isNews = state.withLock { state in
                defer { state.said[kind] = first.stage }
                return state.said[kind] != first.stage
            }
            guard isNews, first.stage != .far else { continue }
            logger.log(
                level: first.stage == .near ? .warning : .error,
                first.stage == .past
                    ? "a certificate or list is past its date: new connections are refused; see Runbooks/certificate-replaced.md"
                    : "a certificate or list is near its end; see Runbooks/certificate-replaced.md",
                metadata: ["what": "\(first)"])
        }
    }
}
