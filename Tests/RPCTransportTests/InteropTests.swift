// The gRPC project's interoperability cases, our two sides against each other and each against the stock Python library.

import Foundation
import Glibc
import Testing

@Suite(.serialized, .enabled(if: InteropProgram.isThere, "grpc-interop is not built beside the tests"))
struct InteropTests {
    /// What a Python server cannot do: it does not show whether a message came compressed.
    private static let hiddenFromPython = ["client_compressed_unary", "client_compressed_streaming"]
    private static let cases = [
        "empty_unary", "large_unary", "client_compressed_unary", "server_compressed_unary", "client_streaming",
        "client_compressed_streaming", "server_streaming", "server_compressed_streaming", "ping_pong", "empty_stream",
        "custom_metadata", "status_code_and_message", "special_status_message", "unimplemented_method",
        "unimplemented_service", "cancel_after_begin", "cancel_after_first_response", "timeout_on_sleeping_server",
    ]

    private func check(_ output: String, _ expected: [String]) {
        #expect(output.split(separator: "\n").map(String.init) == expected.map { "ok \($0)" })
    }

    @Test func ourSidesAgree() async throws {
        let server = try InteropProgram.serve([InteropProgram.path, "server"])
        let output = try await InteropProgram.output(
            of: [InteropProgram.path, "client", "--port", "\(server.port)"])
        check(output, Self.cases)
        server.end()
    }

    @Test(.enabled(if: PythonClient.isInstalled, "grpcio cannot be installed here"))
    func ourServerSatisfiesPython() async throws {
        let server = try InteropProgram.serve([InteropProgram.path, "server"])
        let output = try await InteropProgram.output(
            of: [PythonClient.python, PythonClient.script("interop_client.py"), "127.0.0.1:\(server.port)"])
        var expected = Self.cases
        // Python has an encoding that we do not read.
        expected.insert("unknown_compression", at: 3)
        check(output, expected)
        server.end()
    }

    @Test(.enabled(if: PythonClient.isInstalled, "grpcio cannot be installed here"))
    func aPythonServerSatisfiesUs() async throws {
        let server = try InteropProgram.serve([PythonClient.python, PythonClient.script("interop_server.py")])
        let cases = Self.cases.filter { !Self.hiddenFromPython.contains($0) }
        let output = try await InteropProgram.output(
            of: [
                InteropProgram.path, "client", "--port", "\(server.port)", "--test-case",
                cases.joined(separator: ","),
            ])
        check(output, cases)
        server.end()
    }
}

/// Processes that speak the interoperability cases.
enum InteropProgram {
    /// Beside the test bundle.
    static let path = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        .appending(path: "grpc-interop").path

    static var isThere: Bool { FileManager.default.isExecutableFile(atPath: path) }

    /// A server that runs until it is ended.
    struct Server {
        let port: Int
        private let process: Process
        private let input: Pipe

        init(_ process: Process, input: Pipe, port: Int) {
            self.process = process
            self.input = input
            self.port = port
        }

        /// Its input ends, and so does it.
        func end() {
            input.fileHandleForWriting.closeFile()
            process.waitUntilExit()
            #expect(process.terminationStatus == 0)
        }
    }

    /// Starts a server and waits for its line "listening on port N".
    static func serve(_ arguments: [String]) throws -> Server {
        let process = makeProcess(arguments)
        let input = makePipe()
        let output = makePipe()
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        var line = ""
        while !line.hasSuffix("\n") {
            let bytes = output.fileHandleForReading.availableData
            guard !bytes.isEmpty else { break }
            line += String(decoding: bytes, as: UTF8.self)
        }
        let port = line.split(whereSeparator: \.isWhitespace).last.flatMap { Int($0) }
        return Server(process, input: input, port: try #require(port, "said: \(line)"))
    }

    static func output(of arguments: [String]) async throws -> String {
        try await withCheckedThrowingContinuation { continuation in
            let process = makeProcess(arguments)
            let output = makePipe()
            process.standardOutput = output
            process.terminationHandler = { _ in
                let bytes = output.fileHandleForReading.readDataToEndOfFile()
                continuation.resume(returning: String(decoding: bytes, as: UTF8.self))
            }
            do {
                try process.run()
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    /// Which no other process that is started meanwhile holds open.
    private static func makePipe() -> Pipe {
        let pipe = Pipe()
        for handle in [pipe.fileHandleForReading, pipe.fileHandleForWriting] {
            _ = fcntl(handle.fileDescriptor, F_SETFD, FD_CLOEXEC)
        }
        return pipe
    }

    private static func makeProcess(_ arguments: [String]) -> Process {
        let process = Process()
        process.executableURL = URL(filePath: arguments[0])
        process.arguments = Array(arguments.dropFirst())
        process.standardError = FileHandle.nullDevice
        return process
    }
}
