// What the figures were measured on.

import Foundation

struct MachineFacts {
    var cpu: String
    var cores: Int
    var kernel: String
    var swift: String
    var commit: String

    /// Reads /proc and asks the toolchain and git; what cannot be told is "unknown".
    static func read() -> MachineFacts {
        let cpuinfo = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let model = cpuinfo.split(separator: "\n").first { $0.hasPrefix("model name") }?.split(separator: ":").last
        let kernel = (try? String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8)) ?? "unknown"
        return MachineFacts(
            cpu: model.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown",
            cores: ProcessInfo.processInfo.activeProcessorCount,
            kernel: kernel.trimmingCharacters(in: .whitespacesAndNewlines),
            swift: firstLine(of: ["swift", "--version"]),
            commit: firstLine(of: ["git", "rev-parse", "--short", "HEAD"]))
    }

    private static func firstLine(of command: [String]) -> String {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = command
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return "unknown" }
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").first.map(String.init) ?? "unknown"
    }
}
