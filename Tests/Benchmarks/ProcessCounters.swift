// Counts of a running process, read from outside: CPU time from /proc, allocations through the preload shim.

import Foundation
import OperatorCommands

struct CounterSample {
    /// User and system time of all threads, microseconds.
    var cpuMicroseconds: Double
    /// malloc-family calls since the start.
    var allocations: UInt64
    var residentBytes: UInt64
}

/// Watches one process that was started with `variables` in its environment.
struct ProcessCounters {
    private let counterPath: String
    private let shimPath: String

    /// Builds the shim with the system's C compiler into `directory`.
    init(directory: String) throws {
        counterPath = "\(directory)/counters"
        shimPath = "\(directory)/counting_shim.so"
        try Data(count: 4_096).write(to: URL(filePath: counterPath))
        let source = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Support/CCountingShim/counting_shim.c").path
        let compiler = Process()
        compiler.executableURL = URL(filePath: "/usr/bin/env")
        compiler.arguments = ["cc", "-O2", "-shared", "-fPIC", "-o", shimPath, source]
        try compiler.run()
        compiler.waitUntilExit()
        guard compiler.terminationStatus == 0 else {
            throw OperatorFailure(.usage, "cc cannot build \(source)", nextStep: "apt-get install gcc libc6-dev")
        }
    }

    var variables: [String: String] { ["LD_PRELOAD": shimPath, "MERIDIAN_COUNTER_FILE": counterPath] }

    func sample(_ process: Int32) throws -> CounterSample {
        let bytes = try Data(contentsOf: URL(filePath: counterPath))
        let allocations = bytes.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let statm = try String(contentsOfFile: "/proc/\(process)/statm", encoding: .utf8).split(separator: " ")
        return CounterSample(
            cpuMicroseconds: try Self.processorMicroseconds(of: process), allocations: allocations,
            residentBytes: (UInt64(statm.count > 1 ? statm[1] : "0") ?? 0) * UInt64(sysconf(Int32(_SC_PAGESIZE))))
    }

    /// User and system time of all threads of a process.
    static func processorMicroseconds(of process: Int32) throws -> Double {
        // Fields after the command's name, which may hold spaces: utime and stime are the 12th and 13th of them.
        let stat = try String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        let fields = stat.split(separator: ")").last?.split(separator: " ") ?? []
        let ticks = fields.count > 12 ? (Double(fields[11]) ?? 0) + (Double(fields[12]) ?? 0) : 0
        return ticks * 1_000_000 / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}
