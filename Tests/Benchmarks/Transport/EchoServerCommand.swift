// The server of `meridian-bench transport`, in a process of its own, so that its CPU time and allocations stand alone.

import ArgumentParser
import ClusterModel
import Glibc
import HostEnvironment
import NIOCore
import NodeEnvironment
import RPCTransport

struct EchoServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "echo-server", shouldDisplay: false)

    @Option(help: "Port of 127.0.0.1.") var port: Int
    @Option(help: "PEM authority; only with a certificate.") var authority: String?
    @Option(help: "PEM certificate; without one the server speaks plaintext.") var certificate: String?
    @Option(help: "PEM key of the certificate.") var key: String?

    /// The one method: answers every message with a kilobyte.
    static let path = "/bench.Echo/Unary"
    static let replyBytes = 1_024
    static let requestBytes = 200

    func run() async throws {
        let pool = EventLoopPool(count: 1)
        let links = SocketLinks(pool: pool)
        _ = try await links.listen(
            on: Endpoint(host: "127.0.0.1", port: port), security: security, handler: KilobyteHandler())
        // Ends with the benchmark: by its signal, or with it.
        let parent = getppid()
        while getppid() == parent { try await HostClock().sleep(for: .milliseconds(500)) }
    }

    private var security: LinkSecurity {
        guard let authority, let certificate, let key else { return .plaintext }
        return .serverTLS(TLSIdentity(authorityPath: authority, certificatePath: certificate, keyPath: key))
    }
}

private struct KilobyteHandler: CallHandler {
    let methods = [EchoServerCommand.path]
    private let reply = ByteBuffer(repeating: 120, count: EchoServerCommand.replyBytes)

    func handle(_ call: UnaryCall) { call.succeed(reply) }
}
