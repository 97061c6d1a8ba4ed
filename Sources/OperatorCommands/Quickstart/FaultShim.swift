// The write-holding preload library: a process under it has a disk that forgets what was not synced.

import ClusterModel
package import NodeEnvironment

/// Builds the library with the system's C compiler and gives the variables that plant it in a process.
package struct FaultShim: Hashable, Sendable {
    package let libraryPath: String
    /// A process under the shim dies when this file appears.
    package let killFile: String

    /// Compiles `source` into `directory`. Takes a second or two.
    package init(
        source: String, directory: String, environment: NodeEnvironment
    ) async throws {
        libraryPath = "\(directory)/fault_shim.so"
        killFile = "\(directory)/die"
        guard environment.files.exists(source) else {
            throw OperatorFailure(
                .usage, "\(source) is missing", nextStep: "give --shim-source Tests/Support/CFaultShim/fault_shim.c")
        }
        let output = "\(directory)/cc.log"
        let compiler = try ChildProcess(
            ["/usr/bin/cc", "-O2", "-shared", "-fPIC", "-o", libraryPath, source, "-ldl", "-lpthread"],
            outputPath: output)
        guard try await compiler.waitForEnd(within: .seconds(60), clock: environment.clock) == .exited(0) else {
            throw OperatorFailure(
                .usage, "the C compiler refused \(source); see \(output)",
                nextStep: "install a C compiler: apt install gcc")
        }
    }

    /// The variables of a process whose files under `directory` are covered. `ignoresSync`: syncs do nothing (the canary).
    package func variables(covering directory: String, seed: UInt64, ignoresSync: Bool = false) -> [String: String] {
        var variables = [
            "LD_PRELOAD": libraryPath, "MERIDIAN_SHIM_DIRECTORY": directory, "MERIDIAN_SHIM_SEED": String(seed),
            "MERIDIAN_SHIM_KILL_FILE": killFile,
        ]
        if ignoresSync { variables["MERIDIAN_SHIM_IGNORE_SYNC"] = "1" }
        return variables
    }

    /// Makes the process die: unsynced writes are kept or dropped by chance.
    package func pullThePlug(files: any FileStore) throws(OperatorFailure) {
        do throws(FileError) {
            try files.open(killFile, .createOrReplace).close()
        } catch {
            throw OperatorFailure(.usage, "\(error)")
        }
    }

    /// Before the next start.
    package func plugIn(files: any FileStore) throws(OperatorFailure) {
        guard files.exists(killFile) else { return }
        do throws(FileError) {
            try files.remove(killFile)
        } catch {
            throw OperatorFailure(.usage, "\(error)")
        }
    }
}
