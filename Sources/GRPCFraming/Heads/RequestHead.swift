// The headers of a request, read one by one (grpc/doc/PROTOCOL-HTTP2.md, "Requests").

/// Collects what a server needs to know about a call. Feed every header, then ask for the verdict.
package struct RequestHead: Sendable {
    /// What to do with the call.
    package enum Verdict: Hashable, Sendable {
        /// Index of the method in the table.
        case accept(method: Int)
        /// Not gRPC: answer with this HTTP status and nothing else.
        case refuseHTTP(status: Int)
        case refuse(RPCStatus)
    }

    package private(set) var timeout: Duration?
    private var custom = MetadataDecoder()
    private var method: Int?
    private var isPost = false
    private var hasGRPCType = false
    /// How the caller compresses messages that say so, and whether it reads gzip.
    package private(set) var encoding = MessageEncoding.identity
    package private(set) var accepted = MessageEncoding.identity
    private var hasUnknownEncoding = false
    private var hasBadTimeout = false

    package init() {}

    package var metadata: CallMetadata { custom.metadata }

    package mutating func onHeader(_ name: Span<UInt8>, _ value: Span<UInt8>, methods: MethodTable) {
        switch FieldName(name) {
        case .path: method = methods.index(of: value)
        case .method: isPost = value.equals("POST")
        case .contentType: hasGRPCType = ContentType.isGRPC(value)
        case .encoding:
            encoding = MessageEncoding(value) ?? .identity
            hasUnknownEncoding = MessageEncoding(value) == nil
        case .acceptEncoding: accepted = MessageEncoding.best(of: value)
        case .timeout:
            timeout = CallTimeout.parse(value)
            hasBadTimeout = timeout == nil
        case .custom: custom.onHeader(name, value)
        case .status, .grpcStatus, .grpcMessage, .grpcStatusDetails, .reserved: break
        }
    }

    /// `isTruncated` says that the header list was longer than the limit.
    package func verdict(isTruncated: Bool) -> Verdict {
        if isTruncated { return .refuse(RPCStatus(.resourceExhausted, "the header list is too long")) }
        guard isPost else { return .refuseHTTP(status: 405) }
        guard hasGRPCType else { return .refuseHTTP(status: 415) }
        guard let method else { return .refuse(RPCStatus(.unimplemented, "the method is not served here")) }
        if hasUnknownEncoding {
            return .refuse(RPCStatus(.unimplemented, "grpc-encoding is none of \(MessageEncoding.accepted)"))
        }
        if hasBadTimeout { return .refuse(RPCStatus(.invalidArgument, "grpc-timeout cannot be read")) }
        if custom.isMalformed { return .refuse(RPCStatus(.invalidArgument, "the metadata cannot be read")) }
        return .accept(method: method)
    }
}

/// `content-type` of gRPC.
package enum ContentType {
    /// Whether `value` is `application/grpc`, alone or with "+format" or ";parameters". We serve protobuf: another
    /// format is not ours.
    package static func isGRPC(_ value: Span<UInt8>) -> Bool {
        guard value.starts(with: "application/grpc") else { return false }
        let rest = value.extracting(16...)
        return rest.isEmpty || rest.equals("+proto") || rest.starts(with: ";") || rest.starts(with: "+proto;")
    }
}
