// Header names of gRPC calls, told apart without making strings.

import Glibc

/// What a header of a request or an answer means to gRPC.
package enum FieldName: Hashable, Sendable {
    case method
    case path
    case status
    case contentType
    case encoding
    case acceptEncoding
    case timeout
    case grpcStatus
    case grpcMessage
    case grpcStatusDetails
    /// Belongs to HTTP/2 or gRPC and says nothing that we act on.
    case reserved
    /// Custom metadata.
    case custom

    /// Complexity: O(name).
    package init(_ name: Span<UInt8>) {
        guard name.count > 0 else {
            self = .reserved
            return
        }
        switch name[0] {
        case UInt8(ascii: ":"):
            self =
                name.equals(":path")
                ? .path : name.equals(":method") ? .method : name.equals(":status") ? .status : .reserved
        case UInt8(ascii: "g") where name.starts(with: "grpc-"):
            self = Self.ofGRPC(name)
        case UInt8(ascii: "c"):
            self = name.equals("content-type") ? .contentType : Self.isReserved(name) ? .reserved : .custom
        default:
            self = Self.isReserved(name) ? .reserved : .custom
        }
    }

    private static func ofGRPC(_ name: Span<UInt8>) -> FieldName {
        if name.equals("grpc-timeout") { return .timeout }
        if name.equals("grpc-encoding") { return .encoding }
        if name.equals("grpc-status") { return .grpcStatus }
        if name.equals("grpc-message") { return .grpcMessage }
        if name.equals("grpc-accept-encoding") { return .acceptEncoding }
        return name.equals("grpc-status-details-bin") ? .grpcStatusDetails : .reserved
    }

    private static func isReserved(_ name: Span<UInt8>) -> Bool {
        switch name.count {
        case 2: name.equals("te")
        case 4: name.equals("host")
        case 6: name.equals("accept")
        case 10: name.equals("user-agent") || name.equals("connection")
        case 14: name.equals("content-length")
        case 15: name.equals("accept-encoding")
        case 16: name.equals("content-encoding")
        default: false
        }
    }

    /// Whether a custom name may be sent: lower-case letters, digits, "-", "_" and "." (grpc/doc/PROTOCOL-HTTP2.md), and
    /// not one that HTTP/2 or gRPC reserve.
    package static func isSendable(_ name: String) -> Bool {
        var name = name
        let isPlain = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
                UInt8(ascii: "_"), UInt8(ascii: "."):
                true
            default: false
            }
        }
        return isPlain && name.withUTF8Span { FieldName($0) == .custom }
    }
}

extension String {
    /// The UTF-8 bytes as a span.
    package mutating func withUTF8Span<Value>(_ body: (Span<UInt8>) -> Value) -> Value {
        withUTF8 { bytes in unsafe body(Span(_unsafeElements: bytes)) }
    }
}

extension Span<UInt8> {
    /// Whether these are exactly the bytes of `text`.
    package func equals(_ text: StaticString) -> Bool { count == text.utf8CodeUnitCount && starts(with: text) }

    /// Whether the bytes begin with those of `text`.
    package func starts(with text: StaticString) -> Bool {
        guard count >= text.utf8CodeUnitCount else { return false }
        let bytes = unsafe UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        return unsafe withUnsafeBufferPointer { own in
            guard let ours = own.baseAddress, let theirs = bytes.baseAddress else { return bytes.isEmpty }
            return unsafe memcmp(ours, theirs, bytes.count) == 0
        }
    }

    /// Whether the bytes end with those of `text`.
    package func ends(with text: StaticString) -> Bool {
        guard count >= text.utf8CodeUnitCount else { return false }
        return extracting((count - text.utf8CodeUnitCount)...).starts(with: text)
    }

    package func copied() -> [UInt8] { unsafe withUnsafeBufferPointer { unsafe Array($0) } }
}
