// The real environment of a command: this machine's clock, disk, threads and sockets.

import HostEnvironment
package import MeridianClient
package import NodeEnvironment
import RPCTransport

/// Builds the environment for the length of one command and takes it down again, whatever happened.
package enum HostRuntime {
    /// Event loops of a command: one moves more calls than a command makes.
    private static let loops = 1
    /// A person or a measurement waits: a node that is away is looked for often.
    private static let longestBackoff: Duration = .milliseconds(100)

    /// Runs `body` with the real environment.
    package static func run<Value>(
        _ body: (NodeEnvironment) async throws -> Value
    ) async throws -> Value {
        let pool = EventLoopPool(count: loops)
        var limits = TransportLimits()
        limits.maxBackoff = longestBackoff
        let environment = NodeEnvironment(
            clock: HostClock(), entropy: HostEntropy(), executors: pool, files: HostFileStore(),
            links: SocketLinks(pool: pool, clock: HostClock(), entropy: HostEntropy(), limits: limits))
        do {
            let value = try await body(environment)
            try await pool.shutDown()
            return value
        } catch {
            // The command's own failure is the one to show.
            try? await pool.shutDown()
            throw error
        }
    }

    /// Runs `body` with a client of the nodes that `options` name, and closes it.
    package static func withClient<Value>(
        _ options: ConnectionOptions,
        _ body: (MeridianClient, NodeEnvironment) async throws -> Value
    ) async throws -> Value {
        let region = try options.region()
        return try await run { environment in
            let client: MeridianClient
            do throws(MeridianClientError) {
                client = try MeridianClient(region: region, environment: environment)
            } catch {
                throw OperatorFailure(error, doing: "connecting to \(options.endpoint)")
            }
            do {
                let value = try await body(client, environment)
                await client.close()
                return value
            } catch {
                await client.close()
                throw error
            }
        }
    }
}
