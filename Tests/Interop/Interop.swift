// The gRPC project's interoperability tests against our transport: a server and a client of grpc.testing.TestService, to
// be run against each other or against those of any other implementation.

import ArgumentParser
import ClusterModel
import Foundation
import HostEnvironment
import NodeEnvironment
import RPCTransport

@main
struct Interop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grpc-interop", abstract: "Serves or calls grpc.testing.TestService.",
        subcommands: [ServerCommand.self, ClientCommand.self])
}

struct ServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "server", abstract: "Serves until its input ends.")

    @Option(help: "Port of 127.0.0.1; 0 lets the system choose.") var port = 0

    func run() async throws {
        let pool = EventLoopPool(count: 1)
        let service = InteropService()
        let listener = try await SocketLinks(pool: pool).listen(
            on: Endpoint(host: "127.0.0.1", port: port), security: .plaintext, handler: service)
        // Whoever starts the server waits for this line.
        FileHandle.standardOutput.write(Data("listening on port \(listener.endpoint.port)\n".utf8))
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await service.tasks.run() }
            let reader = pool.makeDedicatedExecutor(label: "input")
            // Fails only where the input cannot be read, which is its end.
            _ = try? await reader.run { while readLine() != nil {} }
            reader.shutDown()
            await listener.shutDown(by: HostClock().bootTime().advanced(by: .seconds(2)))
            service.tasks.shutDown()
        }
        try await pool.shutDown()
    }
}

struct ClientCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "client", abstract: "Runs test cases; prints \"ok NAME\" or \"failed NAME: REASON\" for each.")

    @Option(help: "Port of the server.") var port: Int
    @Option(help: "Host of the server.") var host = "127.0.0.1"
    @Option(help: "A test case's name, several with commas, or \"all\".") var testCase = "all"

    func run() async throws {
        let names = testCase == "all" ? TestCases.all.map(\.name) : testCase.split(separator: ",").map(String.init)
        let pool = EventLoopPool(count: 1)
        let channel = try SocketLinks(pool: pool).channel(
            to: Endpoint(host: host, port: port), security: .plaintext)
        var failures = 0
        for name in names {
            guard let run = TestCases.all.first(where: { $0.name == name })?.run else {
                throw ValidationError("no test case \(name)")
            }
            do {
                try await run(InteropClient(channel: channel))
                print("ok", name)
            } catch {
                failures += 1
                print("failed \(name): \(error)")
            }
        }
        await channel.close()
        try await pool.shutDown()
        if failures > 0 { throw ExitCode(1) }
    }
}
