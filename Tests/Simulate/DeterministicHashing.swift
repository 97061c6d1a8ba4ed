// The standard library seeds its hashes at random unless the environment says otherwise before the process starts.

import Glibc

enum DeterministicHashing {
    private static let variable = "SWIFT_DETERMINISTIC_HASHING"

    /// Starts this program again with deterministic hashing, where it is not on yet. Where that is impossible the runs
    /// still check every rule; only their hashes differ from process to process.
    static func ensure() {
        guard getenv(variable) == nil else { return }
        setenv(variable, "1", 1)
        var arguments = CommandLine.arguments.map { strdup($0) }
        arguments.append(nil)
        execv("/proc/self/exe", arguments)
    }
}
