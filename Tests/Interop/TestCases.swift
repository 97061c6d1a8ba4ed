// The test cases by their published names.

/// Every case that needs no credentials.
enum TestCases {
    typealias Run = @Sendable (InteropClient) async throws -> Void

    static let all: [(name: String, run: Run)] = [
        ("empty_unary", { try await $0.emptyUnary() }),
        ("large_unary", { try await $0.largeUnary() }),
        ("client_compressed_unary", { try await $0.clientCompressedUnary() }),
        ("server_compressed_unary", { try await $0.serverCompressedUnary() }),
        ("client_streaming", { try await $0.clientStreaming() }),
        ("client_compressed_streaming", { try await $0.clientCompressedStreaming() }),
        ("server_streaming", { try await $0.serverStreaming() }),
        ("server_compressed_streaming", { try await $0.serverCompressedStreaming() }),
        ("ping_pong", { try await $0.pingPong() }),
        ("empty_stream", { try await $0.emptyStream() }),
        ("custom_metadata", { try await $0.customMetadata() }),
        ("status_code_and_message", { try await $0.statusCodeAndMessage() }),
        ("special_status_message", { try await $0.specialStatusMessage() }),
        ("unimplemented_method", { try await $0.unimplementedMethod() }),
        ("unimplemented_service", { try await $0.unimplementedService() }),
        ("cancel_after_begin", { try await $0.cancelAfterBegin() }),
        ("cancel_after_first_response", { try await $0.cancelAfterFirstResponse() }),
        ("timeout_on_sleeping_server", { try await $0.timeoutOnSleepingServer() }),
    ]
}
