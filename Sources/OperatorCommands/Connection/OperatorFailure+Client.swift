// A failed call as a failure for people: what it means and what to do next.

package import MeridianClient

extension OperatorFailure {
    /// `doing` says what was tried: "asking for the status".
    package init(_ error: MeridianClientError, doing: String) {
        self.init(Self.status(error.code), "\(doing): \(error)", nextStep: Self.nextStep(error))
        reason = error.reason.isEmpty ? "\(error.code)" : error.reason
    }

    private static func status(_ code: MeridianClientError.Code) -> ExitStatus {
        switch code {
        case .unavailable, .deadlineExceeded, .cancelled, .badAnswer, .serverFailure, .overloaded: .unreachable
        case .permissionDenied, .failedPrecondition, .outOfRange: .refused
        default: .usage
        }
    }

    private static func nextStep(_ error: MeridianClientError) -> String {
        switch error.code {
        case .unavailable where error.reason.isEmpty:
            "is the node running there, and is the link plaintext or TLS as here? see --endpoint, --ca"
        case .unavailable, .overloaded: "try again, or look at the node: meridian status"
        case .deadlineExceeded: "try again, or wait longer: --timeout"
        case .permissionDenied:
            "use a certificate that may do this, or let a rule of access name it; see meridian access check"
        case .badEndpoint: "check the paths of --ca, --certificate and --key"
        // A node names its reason; what serves other calls there, such as the mesh, knows of none.
        case .unimplemented where error.reason.isEmpty:
            "does --endpoint name the node's listen.api, and not its mesh? or ask a newer node"
        case .unimplemented: "ask a newer node"
        case .invalidArgument: "correct what the message names; --help shows the bounds"
        case .failedPrecondition: "look at the node: meridian status"
        case .notFound: "check the name; meridian stream groups and meridian status list what there is"
        case .outOfRange: "leave out --id for a new event, or set this machine's clock"
        case .cancelled: "run the command again"
        // A newer code, or a defect: the node's log says more.
        default: "look at the node's log"
        }
    }
}
