// The headers and trailers of an answer, read one by one (grpc/doc/PROTOCOL-HTTP2.md, "Responses").

/// Collects what a caller needs to know about an answer. Headers and trailers are fed alike: a trailers-only answer has
/// both in one block.
package struct ResponseHead: Sendable {
    private var custom = MetadataDecoder()
    private var httpStatus: Int?
    private var hasGRPCType = false
    private var code: RPCStatusCode?
    private var hasCode = false
    private var message = ""
    private var details: [UInt8] = []
    /// How the server compresses messages that say so; nil for a way that is not ours.
    package private(set) var encoding: MessageEncoding? = .identity

    package init() {}

    package var metadata: CallMetadata { custom.metadata }

    package mutating func onHeader(_ name: Span<UInt8>, _ value: Span<UInt8>) {
        switch FieldName(name) {
        case .status: httpStatus = Self.number(value)
        case .contentType: hasGRPCType = ContentType.isGRPC(value)
        case .grpcStatus:
            hasCode = true
            code = Self.number(value).map { RPCStatusCode(rawValue: $0) ?? .unknown }
        case .grpcMessage: message = PercentEncoding.decode(value)
        case .grpcStatusDetails: details = Base64.decode(value, in: 0..<value.count) ?? []
        case .encoding: encoding = MessageEncoding(value)
        case .custom: custom.onHeader(name, value)
        case .method, .path, .acceptEncoding, .timeout, .reserved: break
        }
    }

    /// Takes the metadata out, so that what comes with the trailers stands apart. Nothing for a trailers-only answer, which
    /// has no head.
    package mutating func takeHeadMetadata() -> CallMetadata {
        guard !hasCode else { return CallMetadata() }
        defer { custom = MetadataDecoder() }
        return custom.metadata
    }

    /// An error that stands before any message: an answer that is not gRPC. Nil when it is.
    package var protocolFailure: RPCStatus? {
        if hasCode { return nil }
        guard let httpStatus else { return RPCStatus(.internal, "an answer without :status") }
        guard httpStatus == 200 else {
            return RPCStatus(StatusMapping.code(forHTTPStatus: httpStatus), "HTTP status \(httpStatus)")
        }
        guard hasGRPCType else { return RPCStatus(.unknown, "the answer is not application/grpc") }
        return encoding == nil ? RPCStatus(.internal, "the answer is compressed in a way that was not offered") : nil
    }

    /// How the call ended, once the answer has. Nil is OK.
    package var failure: RPCStatus? {
        if let failure = protocolFailure { return failure }
        guard hasCode else { return RPCStatus(.internal, "the answer ended without grpc-status") }
        guard let code else { return RPCStatus(.internal, "grpc-status cannot be read") }
        return code == .ok ? nil : RPCStatus(code, message, details: details)
    }

    private static func number(_ text: Span<UInt8>) -> Int? {
        guard (1...3).contains(text.count) else { return nil }
        var value = 0
        for index in 0..<text.count {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[index]) else { return nil }
            value = value * 10 + Int(text[index] - UInt8(ascii: "0"))
        }
        return value
    }
}
