// The stock Python gRPC library calls our server: the wire as others understand it.

import Foundation
import NodeEnvironment
import RPCTransport
import Testing

@Suite(.serialized) struct PythonConformanceTests {
    @Test(.enabled(if: PythonClient.isInstalled, "grpcio cannot be installed here"))
    func grpcioOverPlaintext() async throws {
        try await EchoServer.with { server in
            let output = try await PythonClient.run([server.listener.endpoint.description])
            #expect(output.failures.isEmpty && output.passed == PythonClient.checkCount, "\(output)")
        }
    }

    @Test(.enabled(if: PythonClient.isInstalled, "grpcio cannot be installed here"))
    func grpcioOverMutualTLS() async throws {
        let certificates = try TestCertificates()
        try await EchoServer.with(security: .mutualTLS(certificates.server)) { server in
            let client = certificates.client
            let output = try await PythonClient.run([
                server.listener.endpoint.description, client.authorityPath, client.certificatePath, client.keyPath,
            ])
            #expect(output.failures.isEmpty && output.passed == PythonClient.checkCount, "\(output)")
        }
    }
}

/// A virtual environment with grpcio under `.build`, made when it is not there.
enum PythonClient {
    struct Output {
        var passed = 0
        var failures: [String] = []
    }

    /// Checks in Python/conformance.py.
    static let checkCount = 10

    /// A script beside the tests.
    static func script(_ name: String) -> String {
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Python/\(name)").path
    }

    private static let environment = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: ".build/python-grpcio")
    static let python = environment.appending(path: "bin/python").path

    /// Whether the library is there, after an attempt to install it.
    static let isInstalled: Bool = {
        if succeeds([python, "-c", "import grpc"]) { return true }
        return succeeds(["/usr/bin/env", "python3", "-m", "venv", environment.path])
            && succeeds([python, "-m", "pip", "install", "--quiet", "grpcio"])
            && succeeds([python, "-c", "import grpc"])
    }()

    static func run(_ arguments: [String]) async throws -> Output {
        let text = try await withCheckedThrowingContinuation { continuation in
            do {
                let pipe = Pipe()
                let process = try start([python, script("conformance.py")] + arguments, output: pipe)
                process.terminationHandler = { _ in
                    continuation.resume(
                        returning: String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self))
                }
                try process.run()
            } catch {
                continuation.resume(throwing: error)
            }
        }
        var output = Output()
        for line in text.split(separator: "\n") {
            if line.hasPrefix("ok ") { output.passed += 1 } else { output.failures.append(String(line)) }
        }
        return output
    }

    private static func start(_ arguments: [String], output: Any?) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: arguments[0])
        process.arguments = Array(arguments.dropFirst())
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        return process
    }

    private static func succeeds(_ arguments: [String]) -> Bool {
        do {
            let process = try start(arguments, output: FileHandle.nullDevice)
            try process.run()
            process.waitUntilExit()
            return process.terminationStatus == 0
        } catch {
            return false
        }
    }
}
