// A refused call: the reason, words for people, and facts for programs.

package import GRPCFraming
import MeridianProtocol

/// Thrown and handed around inside the APIs; becomes an `RPCStatus` at their edge.
package struct Refusal: Error {
    package var reason: ErrorReason
    /// For developers, in English; never a user id or a token.
    package var message: String
    /// Facts such as `field` or `server_time_ms`; at most `ErrorEnvelope.maxMetadata`.
    package var metadata: [(key: String, value: String)]
    /// Not sooner than this may the same call be good; the reason's own wait unless something else is known.
    package var retryAfter: Duration?
    private var encoded: RPCStatus?

    package init(_ reason: ErrorReason, _ message: String, metadata: [(key: String, value: String)] = []) {
        self.reason = reason
        self.message = message
        self.metadata = metadata
        retryAfter = reason.retryAfter
    }

    /// With `google.rpc.ErrorInfo` and, where retrying helps, `RetryInfo`.
    package var status: RPCStatus { encoded ?? encodedStatus() }

    /// The same refusal with its status encoded once: for refusals that overload gives by the thousand.
    package func prepared() -> Refusal {
        var copy = self
        copy.encoded = encodedStatus()
        return copy
    }

    private func encodedStatus() -> RPCStatus {
        let details = ErrorEnvelope.encode(
            code: Int32(reason.code.rawValue), message: message, reason: reason.rawValue, metadata: metadata,
            retryAfter: retryAfter)
        return RPCStatus(reason.code, message, details: details)
    }
}

extension Refusal {
    /// A field outside the bounds that its comment in the .proto file states.
    static func outOfBounds(_ field: String, _ bounds: String) -> Refusal {
        Refusal(.fieldOutOfBounds, "\(field): \(bounds)", metadata: [("field", field)])
    }

    /// A field that this version does not know, in a request that would change something.
    static func unknownField(in message: String) -> Refusal {
        Refusal(
            .unknownField, "\(message) has a field that this version does not know; it would be lost",
            metadata: [("field", message)])
    }

    /// A method whose behaviour comes with a later version.
    package static func notImplemented(_ method: String) -> Refusal {
        Refusal(.notImplemented, "\(method) is declared for its numbers; its behaviour comes with a later version")
    }

    /// A message that protobuf cannot read.
    package static var malformed: Refusal {
        Refusal(.malformedMessage, "the message is not a valid protobuf encoding of the request")
    }
}
