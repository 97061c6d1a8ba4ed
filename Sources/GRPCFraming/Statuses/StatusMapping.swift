// Statuses of calls that ended without one of their own.

/// What HTTP statuses and HTTP/2 error codes mean as gRPC codes (grpc/doc/http-grpc-status-mapping.md and
/// PROTOCOL-HTTP2.md, "Errors").
package enum StatusMapping {
    package static func code(forHTTPStatus status: Int) -> RPCStatusCode {
        switch status {
        case 400: .internal
        case 401: .unauthenticated
        case 403: .permissionDenied
        case 404: .unimplemented
        case 429, 502, 503, 504: .unavailable
        default: .unknown
        }
    }

    /// `code` of RST_STREAM or GOAWAY (RFC 9113 section 7).
    package static func code(forHTTP2Error code: UInt32) -> RPCStatusCode {
        switch code {
        // REFUSED_STREAM: nothing was done with the call.
        case 7: .unavailable
        // CANCEL
        case 8: .cancelled
        // ENHANCE_YOUR_CALM
        case 11: .resourceExhausted
        // INADEQUATE_SECURITY
        case 12: .permissionDenied
        default: .internal
        }
    }
}
