// One run of `journal-load` under the write-holding preload library, ended at a chosen moment.

import Foundation
import Glibc
import Synchronization

/// When and how a run is killed.
struct KillMoment: Hashable, Sendable, CustomStringConvertible {
    enum Means: Hashable, Sendable {
        /// SIGKILL from outside: nothing that was not synced is on the disk.
        case signal
        /// The library ends the process at its next call, and any subset of the unsynced sectors is on the disk.
        case plug
    }

    enum Trigger: Hashable, Sendable {
        /// Once so many lines were heard, and the pause is over.
        case line(Int)
        /// Once the clean stop has begun, and the pause is over.
        case closing
        /// At the n-th call that changes a file, a write amid its bytes: with `plug` only.
        case call(Int)
    }

    var means: Means
    var trigger: Trigger
    var pauseMicroseconds: UInt32

    var description: String { "\(means) at \(trigger) + \(pauseMicroseconds) us" }
}

/// What was heard of a run, and how it ended.
struct LoadOutcome: Sendable {
    var lines: [Substring]
    var wasKilled: Bool

    /// What the process was doing: the phase it had named last.
    var phase: String {
        guard let last = lines.last(where: { $0.hasPrefix("open") || $0.hasPrefix("clos") }) else { return "starting" }
        return last == "open" ? "appending" : String(last)
    }
}

/// The preload library, compiled, and the program that runs under it.
struct LoadProcess: Sendable {
    private static let program = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        .appending(path: "journal-load").path
    private static let compiler = "/usr/bin/cc"

    static var isThere: Bool {
        [program, compiler].allSatisfy { FileManager.default.isExecutableFile(atPath: $0) }
    }

    let scratch: String
    private var library: String { "\(scratch)/fault_shim.so" }
    private var killFile: String { "\(scratch)/die" }

    /// Compiles the library into `scratch`.
    init(scratch: String) throws {
        self.scratch = scratch
        let tests = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }
        let process = Process()
        process.executableURL = URL(filePath: Self.compiler)
        process.arguments = [
            "-O2", "-shared", "-fPIC", "-o", library, "\(tests)/Support/CFaultShim/fault_shim.c", "-ldl", "-lpthread",
        ]
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CocoaError(.executableLoad) }
    }

    /// Runs the program with `arguments` on `directory` until it ends or is killed. Never more than a few seconds.
    func run(
        _ arguments: [String], on directory: String, seed: UInt64, _ moment: KillMoment, ignoresSync: Bool
    ) async throws -> LoadOutcome {
        // The file is of an earlier run, if it is there.
        try? FileManager.default.removeItem(atPath: killFile)
        let process = Process()
        process.executableURL = URL(filePath: Self.program)
        process.arguments = [directory] + arguments
        process.environment = variables(directory, seed: seed, moment, ignoresSync: ignoresSync)
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        // A thread of its own: reading blocks until the process says something.
        return await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(returning: follow(process, output.fileHandleForReading, moment))
            }
        }
    }

    private func variables(
        _ directory: String, seed: UInt64, _ moment: KillMoment, ignoresSync: Bool
    ) -> [String: String] {
        var variables = ProcessInfo.processInfo.environment
        variables["LD_PRELOAD"] = library
        variables["MERIDIAN_SHIM_DIRECTORY"] = directory
        variables["MERIDIAN_SHIM_SEED"] = String(seed)
        variables["MERIDIAN_SHIM_KILL_FILE"] = killFile
        if case .call(let number) = moment.trigger { variables["MERIDIAN_SHIM_KILL_AFTER_CALLS"] = String(number) }
        if ignoresSync { variables["MERIDIAN_SHIM_IGNORE_SYNC"] = "1" }
        return variables
    }

    private func follow(_ process: Process, _ output: FileHandle, _ moment: KillMoment) -> LoadOutcome {
        var text = ""
        var heard = 0
        var isDue = false
        while true {
            let bytes = output.availableData
            guard !bytes.isEmpty else { break }
            text += String(decoding: bytes, as: UTF8.self)
            heard += bytes.count { $0 == UInt8(ascii: "\n") }
            let isNow =
                switch moment.trigger {
                case .line(let number): heard >= number
                case .closing: text.hasSuffix("closing\n") || text.hasSuffix("closed\n")
                case .call: false
                }
            guard isNow, !isDue else { continue }
            isDue = true
            usleep(moment.pauseMicroseconds)
            strike(process, moment.means)
        }
        process.waitUntilExit()
        return LoadOutcome(
            lines: text.split(separator: "\n"),
            wasKilled: process.terminationReason == .uncaughtSignal && process.terminationStatus == SIGKILL)
    }

    private func strike(_ process: Process, _ means: KillMoment.Means) {
        switch means {
        case .signal: kill(process.processIdentifier, SIGKILL)
        case .plug: _ = FileManager.default.createFile(atPath: killFile, contents: nil)
        }
    }
}
