// What a process inherits from the command that starts it.

import ClusterModel
import Glibc
import HostEnvironment
import NodeEnvironment
import Testing

@testable import OperatorCommands

@Suite struct ChildProcessTests {
    /// Tasks run on threads that block nearly all signals. A shell that inherited that never heard the SIGTERM of its group,
    /// and the node that it executed next began with it pending, and was ended by it before it had said a word.
    @Test func aChildOfAThreadThatBlocksSignalsHearsThem() async throws {
        let scratch = try ScratchDirectory("meridian-test")
        defer { scratch.remove() }
        let output = "\(scratch.path)/output"
        let script = ["/bin/bash", "-c", "trap 'echo heard; exit 7' TERM; echo begun; while :; do sleep 0.01; done"]
        let child = try Self.blockingAllSignals { try ChildProcess(script, outputPath: output) }
        defer { child.signal(SIGKILL) }
        let clock = HostClock()
        let limit = clock.bootTime().advanced(by: .seconds(60))
        while try !Self.text(of: output).contains("begun"), clock.bootTime() < limit {
            try await clock.sleep(for: .milliseconds(5))
        }
        child.signal(SIGTERM)
        #expect(try await child.waitForEnd(within: .seconds(60), clock: clock) == .exited(7))
        #expect(try Self.text(of: output).contains("heard"))
    }

    private static func blockingAllSignals<Value>(_ body: () throws -> Value) rethrows -> Value {
        var (all, before) = (sigset_t(), sigset_t())
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        return try body()
    }

    private static func text(of path: String) throws -> String {
        let file = try HostFileStore().open(path, .read)
        defer { file.close() }
        return String(decoding: try file.read(at: 0, count: 4_096), as: UTF8.self)
    }
}
