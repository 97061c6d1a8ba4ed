// Real processes for tests: the built executables, a node in a directory of its own, and its end whatever happens.

import HostEnvironment
import NodeEnvironment

@testable import OperatorCommands

/// The executables beside the test bundle.
enum BuiltExecutables {
    static let meridian = path("meridian")
    static let meridiand = path("meridiand")

    private static func path(_ name: String) -> String {
        // Without a path there is nothing to run, and the tests say so by their names.
        (try? Executables.beside(name)) ?? name
    }

    static let areThere = HostFileStore().exists(meridian) && HostFileStore().exists(meridiand)
    static let absence = "meridian and meridiand are not built beside the tests: swift build --build-tests"

    /// The write-holding library's source in this repository.
    static let shimSource =
        #filePath.split(separator: "/").dropLast(2).reduce("") { "\($0)/\($1)" }
        + "/Support/CFaultShim/fault_shim.c"
}

/// What a test does with a node that runs.
struct RealNode: Sendable {
    let node: NodeProcess
    let scratch: ScratchDirectory
    let environment: NodeEnvironment

    /// A node that is not started yet. Its process and its files are gone afterwards.
    static func with<Value>(
        launcher: (ScratchDirectory) -> [String] = { _ in [] }, extra: String = "",
        tls: (ScratchDirectory) throws -> NodeTLS? = { _ in nil },
        _ body: (RealNode) async throws -> Value
    ) async throws -> Value {
        try await HostRuntime.run { environment in
            let scratch = try ScratchDirectory("meridian-test")
            defer { scratch.remove() }
            _ = try scratch.makeSubdirectory("data")
            let node = try NodeProcess(
                binary: BuiltExecutables.meridiand, launcher: launcher(scratch), directory: scratch.path,
                environment: environment, tls: try tls(scratch), extra: extra)
            do {
                let value = try await body(RealNode(node: node, scratch: scratch, environment: environment))
                await node.end()
                return value
            } catch {
                await node.end()
                throw error
            }
        }
    }
}

/// One run of the `meridian` executable.
struct CommandRun {
    var end: ChildProcess.End?
    /// Standard output and standard error, as they came.
    var output: String

    /// The last line that is not empty: the JSON object of `--json`.
    var lastLine: String { output.split(separator: "\n").last.map(String.init) ?? "" }

    /// Ends the process at `limit`; then `end` is nil.
    static func meridian(_ arguments: [String], limit: Duration = .seconds(60)) async throws -> CommandRun {
        try await run([BuiltExecutables.meridian] + arguments, limit: limit)
    }

    static func run(_ arguments: [String], limit: Duration = .seconds(60)) async throws -> CommandRun {
        let scratch = try ScratchDirectory("meridian-command")
        defer { scratch.remove() }
        let path = "\(scratch.path)/output"
        let child = try ChildProcess(arguments, outputPath: path)
        let end = try await child.waitForEnd(within: limit, clock: HostClock())
        if end == nil {
            child.signal(15)
            _ = try await child.waitForEnd(within: .seconds(20), clock: HostClock())
            child.signal(9)
        }
        let file = try HostFileStore().open(path, .read)
        defer { file.close() }
        let bytes = try file.read(at: 0, count: 1 << 20)
        return CommandRun(end: end, output: String(decoding: bytes, as: UTF8.self))
    }
}
