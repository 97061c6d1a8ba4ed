// The bytes behind `grpc-status-details-bin`: a google.rpc.Status with typed details. One place makes them, so that every
// service's errors look alike to a client.

private import SwiftProtobuf

/// Encodes what a program needs to branch on an error.
package enum ErrorEnvelope {
    /// The domain of every reason that Meridian gives.
    package static let domain = "meridian.v1"
    /// Facts of one error; further ones are left out.
    package static let maxMetadata = 8

    private static let typePrefix = "type.googleapis.com/"

    /// An encoded google.rpc.Status with an ErrorInfo and, for `retryAfter`, a RetryInfo. Equal arguments give equal
    /// bytes.
    package static func encode(
        code: Int32, message: String, reason: String, metadata: [(key: String, value: String)] = [],
        retryAfter: Duration? = nil
    ) -> [UInt8] {
        var info = Google_Rpc_ErrorInfo()
        info.reason = reason
        info.domain = domain
        for (key, value) in metadata.prefix(maxMetadata) { info.metadata[key] = value }
        var status = Google_Rpc_Status()
        status.code = code
        status.message = message
        status.details = [packed(info)]
        if let retryAfter {
            var retry = Google_Rpc_RetryInfo()
            retry.retryDelay.seconds = retryAfter.components.seconds
            retry.retryDelay.nanos = Int32(clamping: retryAfter.components.attoseconds / 1_000_000_000)
            status.details.append(packed(retry))
        }
        return bytes(of: status)
    }

    private static func packed(_ message: some SwiftProtobuf.Message) -> Google_Protobuf_Any {
        var any = Google_Protobuf_Any()
        any.typeURL = typePrefix + type(of: message).protoMessageName
        any.value = bytes(of: message)
        return any
    }

    private static func bytes<Bytes: SwiftProtobufContiguousBytes>(of message: some SwiftProtobuf.Message) -> Bytes {
        var options = BinaryEncodingOptions()
        options.useDeterministicOrdering = true
        // These messages have no required fields and stay far below 2 GiB: encoding cannot fail. If it did, the error
        // would go out without details.
        return (try? message.serializedBytes(options: options)) ?? Bytes(repeating: 0, count: 0)
    }
}
