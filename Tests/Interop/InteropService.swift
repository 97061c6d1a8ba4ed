// The server of grpc.testing.TestService, as grpc/doc/interop-test-descriptions.md asks ("Server").

import ClusterModel
import Foundation
import GRPCFraming
import HostEnvironment
import NIOCore
import NodeEnvironment
import SwiftProtobuf

/// One unary method on the unary path; everything else as streams.
final class InteropService: CallHandler {
    static let prefix = "/grpc.testing.TestService/"

    let methods = [prefix + "EmptyCall"]
    let streamingMethods = [
        "UnaryCall", "StreamingOutputCall", "StreamingInputCall", "FullDuplexCall", "HalfDuplexCall",
    ].map { prefix + $0 }
    let tasks = StreamTasks(limit: 1_000)

    func handle(_ call: UnaryCall) { call.succeed(ByteBuffer()) }

    func handle(_ call: StreamCall) {
        let body: StreamTasks.Body =
            switch call.method {
            case 0: Self.unaryCall
            case 1, 3: Self.output
            case 2: Self.input
            default: Self.halfDuplex
            }
        tasks.start(call) { call in
            if let value = call.metadata.firstBytes(EchoedMetadata.initial) {
                var head = CallMetadata()
                head.append(EchoedMetadata.initial, bytes: value)
                call.sendHead(head)
            }
            try await body(call)
            var trailers = CallMetadata()
            if let value = call.metadata.firstBytes(EchoedMetadata.trailing) {
                trailers.append(EchoedMetadata.trailing, bytes: value)
            }
            call.succeed(trailers: trailers)
        }
    }

    private static func unaryCall(_ call: StreamCall) async throws {
        guard let message = try await call.next() else { throw RPCStatus(.invalidArgument, "no message") }
        let request = try Grpc_Testing_SimpleRequest(reading: message)
        try check(request.hasExpectCompressed ? request.expectCompressed.value : nil, call)
        if request.hasResponseStatus { throw RPCStatus(request.responseStatus) }
        var response = Grpc_Testing_SimpleResponse()
        response.payload = .zeros(Int(request.responseSize))
        try await call.send(response.encoded(), isCompressed: request.responseCompressed.value)
    }

    private static func input(_ call: StreamCall) async throws {
        var response = Grpc_Testing_StreamingInputCallResponse()
        while let message = try await call.next() {
            let request = try Grpc_Testing_StreamingInputCallRequest(reading: message)
            try check(request.hasExpectCompressed ? request.expectCompressed.value : nil, call)
            response.aggregatedPayloadSize += Int32(request.payload.body.count)
        }
        try await call.send(response.encoded())
    }

    private static func output(_ call: StreamCall) async throws {
        while let message = try await call.next() { try await answer(message, call) }
    }

    private static func halfDuplex(_ call: StreamCall) async throws {
        var messages: [ByteBuffer] = []
        while let message = try await call.next() {
            messages.append(message)
            guard messages.count <= 1_000 else { throw RPCStatus(.resourceExhausted, "too many messages") }
        }
        for message in messages { try await answer(message, call) }
    }

    private static func answer(_ message: ByteBuffer, _ call: StreamCall) async throws {
        let request = try Grpc_Testing_StreamingOutputCallRequest(reading: message)
        if request.hasResponseStatus { throw RPCStatus(request.responseStatus) }
        for parameters in request.responseParameters {
            if parameters.intervalUs > 0 {
                try await HostClock().sleep(for: .microseconds(Int64(parameters.intervalUs)))
            }
            var response = Grpc_Testing_StreamingOutputCallResponse()
            response.payload = .zeros(Int(parameters.size))
            try await call.send(response.encoded(), isCompressed: parameters.compressed.value)
        }
    }

    private static func check(_ isCompressedExpected: Bool?, _ call: StreamCall) throws(RPCStatus) {
        guard let isCompressedExpected, isCompressedExpected != call.wasCompressed else { return }
        throw RPCStatus(.invalidArgument, "the message is \(call.wasCompressed ? "" : "not ")compressed")
    }
}

/// Metadata that the server sends back.
enum EchoedMetadata {
    static let initial = "x-grpc-test-echo-initial"
    static let trailing = "x-grpc-test-echo-trailing-bin"
}

extension Grpc_Testing_Payload {
    static func zeros(_ count: Int) -> Grpc_Testing_Payload {
        var payload = Grpc_Testing_Payload()
        payload.body = Data(count: max(0, min(count, 16 << 20)))
        return payload
    }
}

extension RPCStatus {
    init(_ status: Grpc_Testing_EchoStatus) {
        self.init(RPCStatusCode(rawValue: Int(status.code)) ?? .unknown, status.message)
    }
}

extension SwiftProtobuf.Message {
    init(reading buffer: ByteBuffer) throws {
        do {
            try self.init(serializedBytes: Array(buffer.readableBytesView))
        } catch {
            throw RPCStatus(.invalidArgument, "the message cannot be read")
        }
    }

    func encoded() throws -> ByteBuffer {
        let bytes: [UInt8] = try serializedBytes()
        return ByteBuffer(bytes: bytes)
    }
}
