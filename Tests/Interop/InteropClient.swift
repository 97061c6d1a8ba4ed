// What the test cases have in common: calls, expectations.

import ClusterModel
import GRPCFraming
import HostEnvironment
import NIOCore
import NodeEnvironment
import SwiftProtobuf

/// A test case did not see what it must.
struct Unexpected: Error, CustomStringConvertible {
    var description: String
}

func expect(_ condition: Bool, _ reason: @autoclosure () -> String) throws(Unexpected) {
    if !condition { throw Unexpected(description: reason()) }
}

/// Calls of one channel.
struct InteropClient {
    let channel: any CallChannel

    static let patience = Duration.seconds(20)

    /// One call on the unary path.
    func unary(_ method: String, _ message: any SwiftProtobuf.Message) async throws -> ByteBuffer {
        try await channel.unary(
            path: InteropService.prefix + method, message: message.encoded(), metadata: CallMetadata(),
            deadline: HostClock().bootTime().advanced(by: Self.patience)
        ).message
    }

    func open(
        _ method: String, metadata: CallMetadata = CallMetadata(), within limit: Duration = patience,
        encoding: MessageEncoding = .identity
    ) throws -> ClientStream {
        try channel.stream(
            path: InteropService.prefix + method, metadata: metadata,
            deadline: HostClock().bootTime().advanced(by: limit), encoding: encoding)
    }

    /// A call of one message either way on the streaming path; the stream gives metadata and flags.
    func single(
        _ method: String, _ message: any SwiftProtobuf.Message, metadata: CallMetadata = CallMetadata(),
        isCompressed: Bool = false
    ) async throws -> (stream: ClientStream, answer: ByteBuffer, wasCompressed: Bool) {
        let stream = try open(method, metadata: metadata, encoding: isCompressed ? .gzip : .identity)
        try await stream.send(message.encoded(), isCompressed: isCompressed)
        stream.finishSending()
        guard let answer = try await stream.next() else { throw Unexpected(description: "no answer") }
        let wasCompressed = stream.wasCompressed
        try expect(try await stream.next() == nil, "more than one answer")
        return (stream, answer, wasCompressed)
    }

    /// The status with which `body` fails.
    func status(of body: () async throws -> Void) async throws -> RPCStatus {
        do {
            try await body()
        } catch let status as RPCStatus {
            return status
        }
        throw Unexpected(description: "the call did not fail")
    }

    func expectStatus(
        _ code: RPCStatusCode, _ message: String? = nil, of body: () async throws -> Void
    ) async throws {
        let status = try await status(of: body)
        try expect(status.code == code, "status \(status), not \(code)")
        if let message { try expect(status.message == message, "message \(status.message.debugDescription)") }
    }
}
