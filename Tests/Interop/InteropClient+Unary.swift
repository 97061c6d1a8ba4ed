// Test cases of single messages, statuses and metadata.

import ClusterModel
import Foundation
import GRPCFraming
import HostEnvironment
import NIOCore
import NodeEnvironment

extension InteropClient {
    private static let requestBytes = 271_828
    private static let responseBytes = 314_159

    private var largeRequest: Grpc_Testing_SimpleRequest {
        var request = Grpc_Testing_SimpleRequest()
        request.responseSize = Int32(Self.responseBytes)
        request.payload = .zeros(Self.requestBytes)
        return request
    }

    private func expectLarge(_ answer: ByteBuffer) throws {
        let response = try Grpc_Testing_SimpleResponse(reading: answer)
        try expect(response.payload == .zeros(Self.responseBytes), "\(response.payload.body.count) bytes, or not zeros")
    }

    func emptyUnary() async throws {
        let answer = try await unary("EmptyCall", Grpc_Testing_Empty())
        try expect(answer.readableBytes == 0, "\(answer.readableBytes) bytes")
    }

    func largeUnary() async throws { try expectLarge(try await unary("UnaryCall", largeRequest)) }

    func clientCompressedUnary() async throws {
        var request = largeRequest
        request.expectCompressed.value = true
        // A server that does not look at the flag would not refuse this.
        try await expectStatus(.invalidArgument) { _ = try await single("UnaryCall", request) }
        try expectLarge(try await single("UnaryCall", request, isCompressed: true).answer)
        request.expectCompressed.value = false
        try expectLarge(try await single("UnaryCall", request).answer)
    }

    func serverCompressedUnary() async throws {
        var request = largeRequest
        for isCompressed in [true, false] {
            request.responseCompressed.value = isCompressed
            let (_, answer, wasCompressed) = try await single("UnaryCall", request)
            try expectLarge(answer)
            try expect(wasCompressed == isCompressed, "compressed: \(wasCompressed)")
        }
    }

    func customMetadata() async throws {
        var metadata = CallMetadata()
        metadata.append(EchoedMetadata.initial, "test_initial_metadata_value")
        metadata.append(EchoedMetadata.trailing, bytes: [0xab, 0xab, 0xab])
        func check(_ stream: ClientStream) async throws {
            let head = try await stream.head()
            try expect(head.first(EchoedMetadata.initial) == "test_initial_metadata_value", "head: \(head)")
            let trailer = stream.trailers.firstBytes(EchoedMetadata.trailing)
            try expect(trailer == [0xab, 0xab, 0xab], "trailers: \(stream.trailers)")
        }
        let (stream, answer, _) = try await single("UnaryCall", largeRequest, metadata: metadata)
        try expectLarge(answer)
        try await check(stream)
        try await check(try await single("FullDuplexCall", Self.duplexRequest(response: 1), metadata: metadata).stream)
    }

    func statusCodeAndMessage() async throws { try await expectEchoedStatus("test status message") }

    func specialStatusMessage() async throws {
        let message = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
        var request = Grpc_Testing_SimpleRequest()
        request.responseStatus.code = 2
        request.responseStatus.message = message
        try await expectStatus(.unknown, message) { _ = try await unary("UnaryCall", request) }
    }

    private func expectEchoedStatus(_ message: String) async throws {
        var request = Grpc_Testing_SimpleRequest()
        request.responseStatus.code = 2
        request.responseStatus.message = message
        try await expectStatus(.unknown, message) { _ = try await unary("UnaryCall", request) }
        var duplex = Grpc_Testing_StreamingOutputCallRequest()
        duplex.responseStatus = request.responseStatus
        try await expectStatus(.unknown, message) { _ = try await single("FullDuplexCall", duplex) }
    }

    func unimplementedMethod() async throws {
        try await expectStatus(.unimplemented) { _ = try await unary("UnimplementedCall", Grpc_Testing_Empty()) }
    }

    func unimplementedService() async throws {
        try await expectStatus(.unimplemented) {
            _ = try await channel.unary(
                path: "/grpc.testing.UnimplementedService/UnimplementedCall", message: ByteBuffer(),
                metadata: CallMetadata(), deadline: HostClock().bootTime().advanced(by: Self.patience))
        }
    }
}
