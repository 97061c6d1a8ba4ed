// Test cases of streams.

import ClusterModel
import Foundation
import GRPCFraming
import HostEnvironment
import NIOCore
import NodeEnvironment

extension InteropClient {
    private static let requestSizes = [27_182, 8, 1_828, 45_904]
    private static let responseSizes = [31_415, 9, 2_653, 58_979]

    static func duplexRequest(
        response: Int, payload: Int = 0, isCompressed: Bool? = nil
    ) -> Grpc_Testing_StreamingOutputCallRequest {
        var parameters = Grpc_Testing_ResponseParameters()
        parameters.size = Int32(response)
        if let isCompressed { parameters.compressed.value = isCompressed }
        var request = Grpc_Testing_StreamingOutputCallRequest()
        request.responseParameters = [parameters]
        request.payload = .zeros(payload)
        return request
    }

    private func expectPayload(_ size: Int, _ message: ByteBuffer?) throws {
        guard let message else { throw Unexpected(description: "no message") }
        let response = try Grpc_Testing_StreamingOutputCallResponse(reading: message)
        try expect(response.payload.body.count == size, "\(response.payload.body.count) bytes, not \(size)")
    }

    private func expectEnd(_ stream: ClientStream) async throws {
        try expect(try await stream.next() == nil, "a message too many")
    }

    func clientStreaming() async throws {
        let stream = try open("StreamingInputCall")
        for size in Self.requestSizes {
            var request = Grpc_Testing_StreamingInputCallRequest()
            request.payload = .zeros(size)
            try await stream.send(request.encoded())
        }
        try await expectSum(74_922, stream)
    }

    private func expectSum(_ sum: Int32, _ stream: ClientStream) async throws {
        stream.finishSending()
        guard let answer = try await stream.next() else { throw Unexpected(description: "no answer") }
        let response = try Grpc_Testing_StreamingInputCallResponse(reading: answer)
        try expect(response.aggregatedPayloadSize == sum, "\(response.aggregatedPayloadSize) bytes")
        try await expectEnd(stream)
    }

    func clientCompressedStreaming() async throws {
        func request(_ size: Int, isCompressed: Bool) throws -> ByteBuffer {
            var request = Grpc_Testing_StreamingInputCallRequest()
            request.payload = .zeros(size)
            request.expectCompressed.value = isCompressed
            return try request.encoded()
        }
        // A server that does not look at the flag would not refuse this.
        try await expectStatus(.invalidArgument) {
            let probe = try open("StreamingInputCall")
            try await probe.send(try request(27_182, isCompressed: true))
            probe.finishSending()
            _ = try await probe.next()
        }
        let stream = try open("StreamingInputCall", encoding: .gzip)
        try await stream.send(try request(27_182, isCompressed: true), isCompressed: true)
        try await stream.send(try request(45_904, isCompressed: false))
        try await expectSum(73_086, stream)
    }

    func serverStreaming() async throws {
        var request = Grpc_Testing_StreamingOutputCallRequest()
        request.responseParameters = Self.responseSizes.map { size in
            var parameters = Grpc_Testing_ResponseParameters()
            parameters.size = Int32(size)
            return parameters
        }
        let stream = try open("StreamingOutputCall")
        try await stream.send(request.encoded())
        stream.finishSending()
        for size in Self.responseSizes { try expectPayload(size, try await stream.next()) }
        try await expectEnd(stream)
    }

    func serverCompressedStreaming() async throws {
        var request = Self.duplexRequest(response: 31_415, isCompressed: true)
        request.responseParameters += Self.duplexRequest(response: 92_653, isCompressed: false).responseParameters
        let stream = try open("StreamingOutputCall")
        try await stream.send(request.encoded())
        stream.finishSending()
        for (size, isCompressed) in [(31_415, true), (92_653, false)] {
            try expectPayload(size, try await stream.next())
            try expect(stream.wasCompressed == isCompressed, "compressed: \(stream.wasCompressed)")
        }
        try await expectEnd(stream)
    }

    func pingPong() async throws {
        let stream = try open("FullDuplexCall")
        for (request, response) in zip(Self.requestSizes, Self.responseSizes) {
            try await stream.send(Self.duplexRequest(response: response, payload: request).encoded())
            try expectPayload(response, try await stream.next())
        }
        stream.finishSending()
        try await expectEnd(stream)
    }

    func emptyStream() async throws {
        let stream = try open("FullDuplexCall")
        stream.finishSending()
        try await expectEnd(stream)
    }

    func cancelAfterBegin() async throws {
        let stream = try open("StreamingInputCall")
        stream.cancel()
        try await expectStatus(.cancelled) { _ = try await stream.next() }
    }

    func cancelAfterFirstResponse() async throws {
        let stream = try open("FullDuplexCall")
        try await stream.send(Self.duplexRequest(response: 31_415, payload: 27_182).encoded())
        try expectPayload(31_415, try await stream.next())
        stream.cancel()
        try await expectStatus(.cancelled) { _ = try await stream.next() }
    }

    func timeoutOnSleepingServer() async throws {
        try await expectStatus(.deadlineExceeded) {
            let stream = try open("FullDuplexCall", within: .milliseconds(1))
            var request = Self.duplexRequest(response: 8, payload: 27_182)
            request.responseParameters[0].intervalUs = 10_000_000
            try await stream.send(request.encoded())
            _ = try await stream.next()
        }
    }
}
