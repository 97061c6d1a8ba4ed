// The processes that run stretches of extremes, and what became of each.

import ClusterModel
import ExtremesFuzzing
import Foundation
import Glibc
import HostEnvironment
import NodeEnvironment
import OperatorCommands

/// Inputs of one target.
struct ExtremesStretch: Sendable {
    var target: String
    var first: UInt64
    var count: UInt64
    var seed: UInt64

    var arguments: [String] {
        ["extremes", "--here", "--target", target, "--seed", "\(seed)", "--first", "\(first)", "--runs", "\(count)"]
    }
}

/// What became of a stretch.
struct ExtremesEnd: Sendable, CustomStringConvertible {
    var stretch: ExtremesStretch
    var outcome = ExtremesOutcome()
    /// The number of the input that ended the process, and how.
    var finding: (input: UInt64, end: String)?

    var description: String {
        let taken = outcome.inputs > 0 ? outcome.taken * 100 / outcome.inputs : 0
        guard let finding else { return "\(stretch.target): \(outcome.inputs) inputs, \(taken) % taken" }
        var again = stretch
        (again.first, again.count) = (finding.input, 1)
        return "\(stretch.target): input \(finding.input) \(finding.end): meridian-fuzz "
            + again.arguments.joined(separator: " ")
    }
}

/// Runs stretches, so many at once.
struct ExtremesProcesses {
    let atOnce: Int

    /// One input takes far less; a process that stands still for so long hangs.
    private static let patience: Duration = .seconds(20)
    private static let look: Duration = .milliseconds(50)

    func run(_ stretches: [ExtremesStretch]) async throws -> [ExtremesEnd] {
        let scratch = try ScratchDirectory("meridian-extremes")
        defer { scratch.remove() }
        return try await withThrowingTaskGroup(of: (Int, ExtremesEnd).self) { group in
            var waiting = stretches.enumerated().makeIterator()
            func begin() {
                guard let (place, stretch) = waiting.next() else { return }
                group.addTask { (place, try await Self.run(stretch, in: "\(scratch.path)/\(place)")) }
            }
            for _ in 0..<atOnce { begin() }
            var ends: [(Int, ExtremesEnd)] = []
            while let end = try await group.next() {
                ends.append(end)
                begin()
            }
            return ends.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    private static func run(_ stretch: ExtremesStretch, in folder: String) async throws -> ExtremesEnd {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let watch = try SharedProgress(path: "\(folder)/progress")
        let process = try ChildProcess(
            [try Executables.beside("meridian-fuzz")] + stretch.arguments + ["--progress", "\(folder)/progress"],
            outputPath: "\(folder)/output", environment: ["SWIFT_BACKTRACE": "enable=no"])
        var end = ExtremesEnd(stretch: stretch)
        let clock = HostClock()
        var (last, since) = (watch.input, clock.bootTime())
        while true {
            if let how = process.end() {
                if how == .exited(0) {
                    end.outcome = try outcome("\(folder)/output")
                } else {
                    end.finding = (watch.input, "ended the process (\(how))")
                }
                return end
            }
            if watch.input != last { (last, since) = (watch.input, clock.bootTime()) }
            if clock.bootTime().since(since) > patience {
                process.signal(SIGKILL)
                _ = try await process.waitForEnd(within: patience, clock: clock)
                end.finding = (watch.input, "did not come back within \(patience)")
                return end
            }
            try await clock.sleep(for: look)
        }
    }

    private static func outcome(_ path: String) throws -> ExtremesOutcome {
        let text = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
        let numbers = text.split(separator: "\n").last.map { $0.split(separator: " ").compactMap { UInt64($0) } } ?? []
        guard numbers.count == 2 else {
            throw OperatorFailure(.usage, "\(path): \(text)", nextStep: "look at the output")
        }
        return ExtremesOutcome(inputs: numbers[0], taken: numbers[1])
    }
}

/// A number in a file that two processes have in memory: it stays when the one that writes it dies.
final class SharedProgress: ExtremesProgress, Sendable {
    private let place: UInt

    /// Without a path nobody looks.
    init(path: String?) throws {
        guard let path else {
            place = 0
            return
        }
        let descriptor = open(path, O_RDWR | O_CREAT, 0o600)
        defer { close(descriptor) }
        guard descriptor >= 0, ftruncate(descriptor, 8) == 0,
            let memory = mmap(nil, 8, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), memory != MAP_FAILED
        else { throw OperatorFailure(.usage, "\(path) cannot be mapped (errno \(errno))", nextStep: "free space") }
        place = UInt(bitPattern: memory)
    }

    private var memory: UnsafeMutablePointer<UInt64>? { UnsafeMutablePointer(bitPattern: place) }

    /// What was told last.
    var input: UInt64 { memory?.pointee ?? 0 }

    func onInput(_ number: UInt64) { memory?.pointee = number }
}
