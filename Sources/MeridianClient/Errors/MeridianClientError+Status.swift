// From a gRPC status and its details to the client's error.

package import GRPCFraming
import MeridianProtocol
package import NodeEnvironment
import SwiftProtobuf

extension MeridianClientError {
    /// The domain of the reasons that Meridian gives.
    package static let domain = "meridian.v1"
    /// More details than this are not looked at.
    private static let maxDetails = 8

    /// Reads `google.rpc.Status` where the status carries one; details that cannot be read are left out, so that the
    /// code and the message still reach the caller.
    package init(_ status: RPCStatus) {
        self.init(Code(status.code), status.message)
        guard !status.details.isEmpty,
            // Details of a proxy or a newer server may be anything: the code and the message are enough then.
            let envelope = try? Google_Rpc_Status(serializedBytes: status.details)
        else { return }
        for detail in envelope.details.prefix(Self.maxDetails) {
            // A detail that is not what its type says is left out, for the same reason.
            if detail.isA(Google_Rpc_ErrorInfo.self), let info = try? Google_Rpc_ErrorInfo(unpackingAny: detail) {
                guard info.domain == Self.domain else { continue }
                reason = info.reason
                metadata = info.metadata
                // As above.
            } else if detail.isA(Google_Rpc_RetryInfo.self), let info = try? Google_Rpc_RetryInfo(unpackingAny: detail)
            {
                retryAfter = Self.duration(info.retryDelay)
            }
        }
    }

    package init(_ error: LinkError) { self.init(.badEndpoint, error.description) }

    /// Negative and absurd delays are cut to 0...1 hour.
    private static func duration(_ delay: Google_Protobuf_Duration) -> Duration {
        let seconds = min(max(delay.seconds, 0), 3_600)
        let nanoseconds = min(max(Int64(delay.nanos), 0), 999_999_999)
        return .seconds(seconds) + .nanoseconds(nanoseconds)
    }
}

extension MeridianClientError.Code {
    init(_ code: RPCStatusCode) {
        self =
            switch code {
            case .cancelled: .cancelled
            case .invalidArgument: .invalidArgument
            case .deadlineExceeded: .deadlineExceeded
            case .notFound: .notFound
            case .permissionDenied, .unauthenticated: .permissionDenied
            case .resourceExhausted: .overloaded
            case .failedPrecondition, .aborted, .alreadyExists: .failedPrecondition
            case .outOfRange: .outOfRange
            case .unimplemented: .unimplemented
            case .unavailable: .unavailable
            case .ok, .unknown, .internal, .dataLoss: .serverFailure
            }
    }
}
