// Statuses of gRPC calls (grpc/doc/statuscodes.md) and their metadata.

/// The seventeen codes of gRPC, by their wire numbers.
package enum RPCStatusCode: Int, Hashable, Sendable, CaseIterable {
    case ok = 0
    case cancelled = 1
    case unknown = 2
    case invalidArgument = 3
    case deadlineExceeded = 4
    case notFound = 5
    case alreadyExists = 6
    case permissionDenied = 7
    case resourceExhausted = 8
    case failedPrecondition = 9
    case aborted = 10
    case outOfRange = 11
    case unimplemented = 12
    case `internal` = 13
    case unavailable = 14
    case dataLoss = 15
    case unauthenticated = 16
}

/// How a call ended when it did not end well; also the error that a caller sees.
package struct RPCStatus: Error, Hashable, Sendable, CustomStringConvertible {
    package var code: RPCStatusCode
    /// For people; percent-encoded on the wire.
    package var message: String
    /// An encoded `google.rpc.Status` for `grpc-status-details-bin`; empty for none.
    package var details: [UInt8]

    package init(_ code: RPCStatusCode, _ message: String, details: [UInt8] = []) {
        self.code = code
        self.message = message
        self.details = details
    }

    package var description: String { "\(code): \(message)" }
}

/// Custom metadata of a call, in the order of the wire. Names are lower case; a name that ends in "-bin" carries bytes
/// that the transport encodes and decodes (base64). The names that HTTP/2 and gRPC reserve never appear here.
package struct CallMetadata: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package var name: String
        package var value: [UInt8]
    }

    package private(set) var entries: [Entry] = []

    package init() {}

    package var isEmpty: Bool { entries.isEmpty }

    package mutating func append(_ name: String, _ value: String) {
        entries.append(Entry(name: name, value: Array(value.utf8)))
    }

    package mutating func append(_ name: String, bytes: [UInt8]) {
        entries.append(Entry(name: name, value: bytes))
    }

    /// The first value under `name` as text. Complexity: O(entries).
    package func first(_ name: String) -> String? { firstBytes(name).map { String(decoding: $0, as: UTF8.self) } }

    /// The first value under `name`. Complexity: O(entries).
    package func firstBytes(_ name: String) -> [UInt8]? { entries.first { $0.name == name }?.value }
}
