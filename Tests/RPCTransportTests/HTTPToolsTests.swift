// The tools that everybody has: curl, nghttp and h2load call our server.

import Foundation
import NodeEnvironment
import RPCTransport
import Testing

@Suite(.serialized) struct HTTPToolsTests {
    /// A gRPC message of `text`, in a file that goes with the value.
    private final class MessageFile {
        let path = FileManager.default.temporaryDirectory.appending(path: "meridian-message-\(UUID().uuidString)").path

        init(_ text: String) throws {
            let length = UInt32(text.utf8.count)
            let bytes = [
                0, UInt8(length >> 24), UInt8(length >> 16 & 255), UInt8(length >> 8 & 255), UInt8(length & 255),
            ]
            try Data(bytes + Array(text.utf8)).write(to: URL(filePath: path))
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    private static let headers = ["-H", "content-type: application/grpc", "-H", "te: trailers"]

    private static func url(_ server: EchoServer, _ scheme: String) -> String {
        "\(scheme)://127.0.0.1:\(server.listener.endpoint.port)/test.Echo/Echo"
    }

    @Test(.enabled(if: HTTPTool.curl.isInstalled, "curl is not installed"))
    func curlOverPlaintextAndTLS() async throws {
        let message = try MessageFile("by curl")
        let common =
            ["--silent", "--show-error", "--dump-header", "-", "--data-binary", "@\(message.path)"] + Self.headers
        try await EchoServer.with { server in
            let output = try await HTTPTool.curl.run(common + ["--http2-prior-knowledge", Self.url(server, "http")])
            #expect(output.contains("HTTP/2 200") && output.contains("by curl"), "\(output)")
            #expect(output.contains("grpc-status: 0"), "\(output)")
        }
        let certificates = try TestCertificates()
        try await EchoServer.with(security: .mutualTLS(certificates.server)) { server in
            let client = certificates.client
            let output = try await HTTPTool.curl.run(
                common + [
                    "--http2", "--cacert", client.authorityPath, "--cert", client.certificatePath, "--key",
                    client.keyPath, Self.url(server, "https"),
                ])
            #expect(output.contains("HTTP/2 200") && output.contains("by curl"), "\(output)")
            #expect(output.contains("grpc-status: 0"), "\(output)")
        }
    }

    @Test(.enabled(if: HTTPTool.nghttp.isInstalled, "nghttp is not installed"))
    func nghttpOverPlaintextAndTLS() async throws {
        let message = try MessageFile("by nghttp")
        let common = ["--verbose", "--no-dep", "--data", message.path] + Self.headers
        try await EchoServer.with { server in
            let output = try await HTTPTool.nghttp.run(common + [Self.url(server, "http")])
            #expect(output.contains(":status: 200") && output.contains("grpc-status: 0"), "\(output)")
            #expect(output.contains("by nghttp"), "\(output)")
        }
        let certificates = try TestCertificates()
        try await EchoServer.with(security: .mutualTLS(certificates.server)) { server in
            let client = certificates.client
            let output = try await HTTPTool.nghttp.run(
                common + ["--cert", client.certificatePath, "--key", client.keyPath, Self.url(server, "https")])
            #expect(output.contains(":status: 200") && output.contains("grpc-status: 0"), "\(output)")
        }
    }

    @Test(.enabled(if: HTTPTool.h2load.isInstalled, "h2load is not installed"), arguments: [false, true])
    func h2loadKeepsManyStreamsOpen(overTLS: Bool) async throws {
        let message = try MessageFile("by h2load")
        let certificates = try TestCertificates()
        // It has no certificate of its own to show.
        try await EchoServer.with(security: overTLS ? .serverTLS(certificates.server) : .plaintext) { server in
            let url = Self.url(server, overTLS ? "https" : "http")
            let output = try await HTTPTool.h2load.run(
                ["-n", "2000", "-c", "4", "-m", "32", "-d", message.path] + Self.headers + [url])
            #expect(output.contains("2000 succeeded, 0 failed, 0 errored, 0 timeout"), "\(output)")
            #expect(output.contains("status codes: 2000 2xx"), "\(output)")
        }
    }
}

/// A command-line client of HTTP/2.
struct HTTPTool {
    static let curl = HTTPTool(path: "/usr/bin/curl")
    static let nghttp = HTTPTool(path: "/usr/bin/nghttp")
    static let h2load = HTTPTool(path: "/usr/bin/h2load")

    let path: String

    var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: path) }

    /// Output and errors, once it ended; waits on a thread of its own, beside the server's loops.
    func run(_ arguments: [String]) async throws -> String {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread {
                continuation.resume(with: Result { try ToolProcess.run(path, arguments).output })
            }
            thread.start()
        }
    }
}
