// `meridian-fuzz TARGET --runs N`: damages good inputs of one reader of bytes, from a seed. `meridian-fuzz extremes` stands in
// ExtremesFuzz.swift.

import ArgumentParser
import Foundation
import OperatorCommands
import TransportFuzzing

@main
struct MeridianFuzz: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "meridian-fuzz", abstract: "Fuzz what reads bytes from outside.",
        subcommands: [DamageFuzz.self, ExtremesFuzz.self], defaultSubcommand: DamageFuzz.self)
}

struct DamageFuzz: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "damage", abstract: "Damage what a peer sends; what is meant without a subcommand.",
        discussion: """
            An input that breaks a rule, crashes or hangs stays in the file that --last names; once it is fixed it belongs
            into Tests/Fuzz/Corpus/TARGET, which every test run reads again. --guided lets libFuzzer choose the inputs,
            in a build for it (Tests/Fuzz/GuidedFuzz.swift says how); it takes one target.
            """)

    @Argument(help: "frames, answers, headers, messages or records; all runs each.") var target = "all"
    @Option(help: "Damaged inputs for each target.") var runs = 100_000
    @Option(help: "Where the damage begins.") var seed: UInt64 = 1
    @Option(help: "Kept inputs, a folder for each target.") var corpus = "Tests/Fuzz/Corpus"
    @Option(help: "Where the input that is being run is written before it runs; slow.") var last: String?
    @Flag(help: "Let libFuzzer choose the inputs.") var guided = false
    @Option(help: "Where libFuzzer keeps what reached new code.") var grown = ".build/fuzz-grown"

    func run() throws {
        let scratch = try ScratchDirectory("meridian-fuzz")
        defer { scratch.remove() }
        let targets = try FuzzTargets.all(in: scratch).filter { target == "all" || $0.name == target }
        guard !targets.isEmpty else { throw ValidationError("there is no target \(target)") }
        if guided { return try runGuided(targets) }
        var hasFinding = false
        for target in targets {
            let kept = FuzzTargets.kept(of: target, in: corpus)
            let start = Date.now
            let outcome = FuzzRun.run(target, kept: kept, runs: runs, seed: seed) { input in
                if let last { try? Data(input).write(to: URL(filePath: last)) }
            }
            let seconds = Date.now.timeIntervalSince(start)
            Console.answer(
                "\(target.name): \(outcome.inputs) inputs (\(kept.count) kept), seed \(seed), \(Int(seconds)) s, "
                    + (outcome.finding.map { "BROKEN: \($0.reason)" } ?? "no finding"))
            if let finding = outcome.finding {
                hasFinding = true
                Console.answer(finding.input.map { String($0) }.joined(separator: ","))
            }
        }
        if hasFinding { throw ExitCode(1) }
    }

    private func runGuided(_ targets: [any FuzzTarget]) throws {
        guard let only = targets.first, targets.count == 1 else { throw ValidationError("--guided takes one target") }
        #if GUIDED_FUZZING
        let grown = "\(grown)/\(only.name)"
        let kept = "\(corpus)/\(only.name)"
        for folder in [grown, kept] {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        }
        for (number, input) in only.seeds.enumerated() {
            try Data(input).write(to: URL(filePath: "\(grown)/seed-\(number)"))
        }
        GuidedFuzz.run(only, runs: runs, seed: seed, kept: kept, grown: grown, artifacts: self.grown)
        #else
        throw ValidationError(
            "this build has no libFuzzer for \(only.name); Tests/Fuzz/GuidedFuzz.swift says how to make one")
        #endif
    }
}

enum FuzzTargets {
    static func all(in scratch: ScratchDirectory) throws -> [any FuzzTarget] {
        [
            try FramesTarget(), try AnswersTarget(), HeadersTarget(), MessagesTarget(),
            try records(in: scratch),
        ]
    }

    private static func records(in scratch: ScratchDirectory) throws -> RecordsTarget {
        let authority = try CertificateAuthority(name: "fuzz", days: 1)
        let issued = try authority.issue(
            .init(commonName: "fuzz", uri: "meridian://fuzz/here/node", hosts: ["127.0.0.1"]), days: 1)
        func write(_ name: String, _ bytes: [UInt8]) throws -> String {
            let path = "\(scratch.path)/\(name)"
            try Data(bytes).write(to: URL(filePath: path))
            return path
        }
        return try RecordsTarget(
            authorityPath: write("ca.pem", authority.certificatePEM()),
            certificatePath: write("peer.pem", issued.certificatePEM), keyPath: write("peer.key", issued.keyPEM))
    }

    static func kept(of target: any FuzzTarget, in corpus: String) -> [[UInt8]] {
        let folder = "\(corpus)/\(target.name)"
        // No folder: nothing was kept yet.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.sorted().compactMap { FileManager.default.contents(atPath: "\(folder)/\($0)").map { Array($0) } }
    }
}
