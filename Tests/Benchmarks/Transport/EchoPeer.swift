// The servers that are compared: ours and nghttpd, each a process of one worker that gives a kilobyte to every request.

import ClusterModel
import Foundation
import NodeEnvironment
import OperatorCommands

/// Which server, and how its links are secured.
struct EchoPeer: Hashable, Sendable {
    enum Program: String, Hashable, Sendable {
        case meridian
        case nghttpd
    }

    enum Security: String, Hashable, Sendable, CaseIterable {
        case h2c
        case tls
    }

    var program: Program
    var security: Security

    /// INTERFACES: `unary-…` is ours.
    var resultName: String { (program == .meridian ? "unary" : "nghttpd") + "-\(security.rawValue)" }

    var path: String { program == .meridian ? EchoServerCommand.path : "/kilobyte" }

    func url(port: Int) -> String { "\(security == .tls ? "https" : "http")://127.0.0.1:\(port)\(path)" }
}

/// Files that both servers and h2load use.
struct EchoFiles {
    let directory: String
    let authority: String
    let certificate: String
    let key: String
    /// One gRPC message: prefix and 200 bytes.
    let request: String

    init(in scratch: ScratchDirectory) throws {
        directory = scratch.path
        authority = "\(directory)/ca.pem"
        certificate = "\(directory)/server.pem"
        key = "\(directory)/server.key"
        request = "\(directory)/request"
        let made = try CertificateAuthority(name: "bench", days: 1)
        let issued = try made.issue(
            .init(commonName: "bench", uri: "meridian://bench/here/node", hosts: ["127.0.0.1"]), days: 1)
        try Data(made.certificatePEM()).write(to: URL(filePath: authority))
        try Data(issued.certificatePEM).write(to: URL(filePath: certificate))
        try Data(issued.keyPEM).write(to: URL(filePath: key))
        let message = Data([0, 0, 0, 0, UInt8(EchoServerCommand.requestBytes)])
        try (message + Data(repeating: 1, count: EchoServerCommand.requestBytes)).write(to: URL(filePath: request))
        try Data(repeating: 120, count: EchoServerCommand.replyBytes).write(to: URL(filePath: "\(directory)/kilobyte"))
    }
}

/// A server that runs.
struct EchoProcess {
    let peer: EchoPeer
    let endpoint: Endpoint
    private let process: ChildProcess
    private let counters: ProcessCounters

    /// Starts it and waits until it listens. `isCounted`: with the library that counts allocations.
    static func start(
        _ peer: EchoPeer, isCounted: Bool, files: EchoFiles, environment: NodeEnvironment
    ) async throws -> EchoProcess {
        let port = try LoopbackPorts.free(1)[0]
        let name = "\(peer.resultName)-\(port)"
        let scratch = "\(files.directory)/\(name)"
        try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
        let counters = try ProcessCounters(directory: scratch)
        let process = try ChildProcess(
            try arguments(peer, port, files), outputPath: "\(files.directory)/\(name).log",
            environment: isCounted ? counters.variables : [:])
        let server = EchoProcess(
            peer: peer, endpoint: Endpoint(host: "127.0.0.1", port: port), process: process, counters: counters)
        for _ in 0..<500 where process.end() == nil {
            if LoopbackPorts.isListening(port) { return server }
            try await environment.clock.sleep(for: .milliseconds(20))
        }
        await server.end(environment)
        throw OperatorFailure(.unreachable, "\(name) does not listen; see \(files.directory)/\(name).log")
    }

    private static func arguments(_ peer: EchoPeer, _ port: Int, _ files: EchoFiles) throws -> [String] {
        let isSecure = peer.security == .tls
        switch peer.program {
        case .meridian:
            let own = [try Executables.beside("meridian-bench"), "echo-server", "--port", "\(port)"]
            return own
                + (isSecure
                    ? ["--authority", files.authority, "--certificate", files.certificate, "--key", files.key] : [])
        case .nghttpd:
            let own = [try Tools.path("nghttpd"), "-a", "127.0.0.1", "-n", "1", "-d", files.directory]
            return own + (isSecure ? ["\(port)", files.key, files.certificate] : ["--no-tls", "\(port)"])
        }
    }

    func sample() throws -> CounterSample { try counters.sample(process.identifier) }

    func end(_ environment: NodeEnvironment) async {
        process.signal(SIGKILL)
        // Killed processes end; the wait only reaps.
        _ = try? await process.waitForEnd(within: .seconds(5), clock: environment.clock)
    }
}
