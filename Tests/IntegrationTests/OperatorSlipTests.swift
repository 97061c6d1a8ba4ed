// FAULTS 3.11: an operator's slips. One clear sentence, an exit code, nothing half done.

import Foundation
import HostEnvironment
import NodeEnvironment
import Testing

@testable import OperatorCommands

@Suite(
    .serialized, .timeLimit(.minutes(5)),
    .enabled(if: BuiltExecutables.areThere, Comment(rawValue: BuiltExecutables.absence)))
struct OperatorSlipTests {
    private static func count(_ part: String, in text: String) -> Int { text.ranges(of: part).count }

    /// C22: a port where nobody listens is said to be so once, long before the timeout of ten minutes.
    @Test(arguments: [
        ["status"], ["digest"], ["next", "ann"], ["report", "ann", "click", "c"], ["publish", "c", "--title", "t"],
        ["log", "stats"], ["stream", "groups"], ["stream", "forget", "g"], ["region", "resume"],
        ["region", "evacuate"],
    ])
    func aDeadPortIsNamedOnceAndSoon(command: [String]) async throws {
        let run = try await CommandRun.meridian(
            command + ["--endpoint", "127.0.0.1:1", "--timeout", "600"], limit: .seconds(60))
        #expect(run.end == .exited(3), "\(run.output)")
        #expect(Self.count("127.0.0.1:1", in: run.output) == 1, "\(run.output)")
        #expect(Self.count("refused", in: run.output) <= 1, "\(run.output)")
        #expect(Self.count("  next: ", in: run.output) == 1, "\(run.output)")
    }

    @Test func anotherKindOfPortIsNotTakenForTheAPI() async throws {
        try await RealNode.with { real in
            try await real.node.start()
            let admin = try await CommandRun.meridian(
                ["status", "--endpoint", "\(real.node.adminEndpoint)", "--timeout", "20"])
            #expect(admin.end == .exited(3) && Self.count("next: ", in: admin.output) == 1, "\(admin.output)")
        }
    }

    @Test(arguments: [
        ["status", "--endpoint", "127.0.0.1:1", "--endpoint", "127.0.0.1:2"], ["status", "--json", "--json"],
        ["next", "ann", "--count=3", "--count=4"], ["log", "verify", "/x", "--json", "--json"],
    ])
    func anOptionThatStandsTwiceIsRefused(arguments: [String]) async throws {
        let run = try await CommandRun.meridian(arguments)
        #expect(run.end == .exited(2) && run.output.contains("stands twice"), "\(run.output)")
    }

    /// An answer that did not get out is no success.
    @Test(arguments: [
        ["access", "list"], ["access", "list", "--json"], ["certs", "issue", "--deployment", "d", "--client", "c"],
    ])
    func outputToAFullDiskIsNoSuccess(command: [String]) async throws {
        let scratch = try ScratchDirectory("meridian-full")
        defer { scratch.remove() }
        let more = command[0] == "certs" ? ["--out", "\(scratch.path)/certs"] : []
        let line = ([BuiltExecutables.meridian] + command + more).joined(separator: " ")
        let run = try await CommandRun.run(["/bin/sh", "-c", "\(line) > /dev/full"])
        #expect(run.end == .exited(4), "\(run.output)")
        #expect(Self.count("could not be written", in: run.output) == 1, "\(run.output)")
    }

    /// C22: one deployment's CA signs for no other.
    @Test func aCASignsForItsDeploymentOnly() async throws {
        let scratch = try ScratchDirectory("meridian-ca")
        defer { scratch.remove() }
        let out = ["--out", "\(scratch.path)/certs"]
        let made = try await CommandRun.meridian(
            ["certs", "issue", "--deployment", "shop", "--client", "app"] + out)
        #expect(made.end == .exited(0), "\(made.output)")
        let other = try await CommandRun.meridian(
            ["certs", "issue", "--deployment", "other", "--client", "thief"] + out)
        #expect(other.end == .exited(4), "\(other.output)")
        #expect(other.output.contains("CA of deployment shop, not of other"), "\(other.output)")
        // A second one of the same name is refused before anything is written.
        try FileManager.default.removeItem(atPath: "\(scratch.path)/certs/client-app.pem")
        let again = try await CommandRun.meridian(
            ["certs", "issue", "--deployment", "shop", "--client", "app"] + out)
        #expect(again.end == .exited(4) && again.output.contains("client-app.key is there already"), "\(again.output)")
        let names = try HostFileStore().list("\(scratch.path)/certs")
        #expect(Set(names) == ["ca.pem", "ca.key", "client-app.key"], "\(names)")
    }

    @Test(arguments: [
        ["--deployment", "shop", "--region", "client", "--node", "n1"], ["--deployment", "a/b", "--client", "x"],
        ["--deployment", "shop", "--client", "a/b"], ["--deployment", "shop", "--client", ""],
        ["--deployment", "shop", "--region", "aws"], ["--deployment", "shop", "--client", "x", "--days", "0"],
    ])
    func namesThatNoIdentityCanHaveAreRefusedBeforeAnythingIsMade(arguments: [String]) async throws {
        let scratch = try ScratchDirectory("meridian-names")
        defer { scratch.remove() }
        let run = try await CommandRun.meridian(["certs", "issue", "--out", "\(scratch.path)/certs"] + arguments)
        #expect(run.end == .exited(2) && Self.count("next: ", in: run.output) == 1, "\(run.output)")
        #expect(!HostFileStore().exists("\(scratch.path)/certs"))
    }

    @Test func wrongFilesAreNamed() async throws {
        let scratch = try ScratchDirectory("meridian-files")
        defer { scratch.remove() }
        let store = CertificateDirectory(path: "\(scratch.path)/certs", files: HostFileStore())
        let paths = try store.create(
            "c",
            try store.authority(deployment: "d").issue(.init(commonName: "c", uri: "meridian://d/client/c"), days: 1))
        for arguments in [
            ["--ca", store.authorityPath, "--certificate", "/nowhere.pem", "--key", paths.key],
            ["--ca", store.authorityPath, "--certificate", paths.key, "--key", paths.certificate],
        ] {
            let run = try await CommandRun.meridian(["status"] + arguments)
            #expect(run.end == .exited(2) && Self.count("next: ", in: run.output) == 1, "\(run.output)")
        }
        for arguments in [
            ["publish", "--file", "/nowhere"], ["publish", "--file", scratch.path], ["log", "verify", "/nowhere"],
            ["log", "stats", "/nowhere"], ["log", "dump", "/nowhere"], ["log", "repair", "/nowhere"],
            ["log", "repair", "--config", "/nowhere"], ["digest", "--log", "/nowhere"],
            ["access", "check", "meridian://d/client/c", "Publish", "--config", "/nowhere"],
            ["replay", "--data", "/nowhere", "--endpoint", "127.0.0.1:1"],
        ] {
            let run = try await CommandRun.meridian(arguments)
            #expect(run.end == .exited(2) && Self.count("/nowhere", in: run.output + "/nowhere") > 0, "\(run.output)")
            #expect(Self.count("next: ", in: run.output) == 1, "\(arguments): \(run.output)")
        }
    }

    // MARK: meridian access

    private static let rules = """
        deployment: {id: shop}
        region: {name: aws-us, number: 1}
        node: {name: n1}
        tls: {ca: CA, certificate: CA, key: CA}
        access:
          - {identities: ["meridian://shop/client/app-*"], roles: [app]}
          - {identities: ["meridian://shop/client/search"], roles: [consumer], groups: ["search-*"], topics: [interactions]}
        log: {directory: /var/lib/meridian}

        """

    /// What a start would refuse, or only warn of.
    @Test func aCheckFindsKeysThatCannotBeUsedAndFilesThatAllMayRead() async throws {
        let scratch = try ScratchDirectory("meridian-check")
        defer { scratch.remove() }
        let key = "\(scratch.path)/tokens"
        let path = "\(scratch.path)/node.yaml"
        try Data(
            """
            deployment: {id: shop}
            region: {name: aws-us, number: 1}
            node: {name: n1}
            keys: {tokens: [{id: 1, file: \(key)}]}
            log: {directory: \(scratch.path)/data}

            """.utf8
        ).write(to: URL(filePath: path))
        func check() async throws -> CommandRun {
            try await CommandRun.run([BuiltExecutables.meridiand, "--config", path, "--check"])
        }
        var run = try await check()
        #expect(run.end == .exited(2) && run.output.contains("\(key): no such file"), "\(run.output)")
        try Data([1, 2, 3, 4, 5]).write(to: URL(filePath: key))
        run = try await check()
        #expect(run.end == .exited(2) && run.output.contains("has 5 bytes"), "\(run.output)")
        try Data(repeating: 7, count: 32).write(to: URL(filePath: key))
        #expect(chmod(key, 0o644) == 0)
        run = try await check()
        #expect(run.end == .exited(0) && run.output.contains("chmod o="), "\(run.output)")
        #expect(chmod(key, 0o640) == 0)
        run = try await check()
        #expect(run.end == .exited(0) && !run.output.contains("warning"), "\(run.output)")
    }

    @Test(arguments: [[], ["--bogus"], ["--config"]]) func aNodesUsageErrorsEndWithTwo(arguments: [String]) async throws
    {
        let run = try await CommandRun.run([BuiltExecutables.meridiand] + arguments)
        #expect(run.end == .exited(2) && !run.output.isEmpty, "\(run.output)")
    }

    @Test(arguments: [BuiltExecutables.meridian, BuiltExecutables.meridiand])
    func bothExecutablesSayTheirVersion(path: String) async throws {
        let run = try await CommandRun.run([path, "--version"])
        #expect(run.end == .exited(0) && run.lastLine.hasPrefix("0."), "\(run.output)")
    }

    @Test func aConfigurationThatIsNoFileIsRefusedAtOnce() async throws {
        let scratch = try ScratchDirectory("meridian-pipe")
        defer { scratch.remove() }
        #expect(mkfifo("\(scratch.path)/pipe", 0o600) == 0)
        for (path, word) in [("\(scratch.path)/pipe", "no regular file"), (scratch.path, "a directory")] {
            let run = try await CommandRun.run([BuiltExecutables.meridiand, "--config", path, "--check"])
            #expect(run.end == .exited(2) && run.output.contains(word), "\(run.output)")
        }
    }

    @Test func accessCheckAnswersByItsExitCode() async throws {
        let scratch = try ScratchDirectory("meridian-access")
        defer { scratch.remove() }
        let path = "\(scratch.path)/node.yaml"
        let text = Self.rules.replacingOccurrences(of: "CA", with: path)
        try Data(text.utf8).write(to: URL(filePath: path))
        let client = "meridian://shop/client"
        for (arguments, code) in [
            (["\(client)/app-1", "Report"], 0), (["\(client)/app-1", "Publish"], 1), (["\(client)/web", "Report"], 1),
            (["\(client)/web", "Health/Check"], 0), (["\(client)/search", "Commit", "--group", "search-a"], 1),
            (["\(client)/search", "Commit", "--group", "search-a", "--topic", "interactions"], 0),
            (["\(client)/search", "Commit", "--group", "billing", "--topic", "interactions"], 1),
            (["\(client)/search", "Subscribe"], 1), (["\(client)/search", "Subscribe", "--topic", "interactions"], 0),
            (["\(client)/search", "Groups"], 0), (["\(client)/search", "Subscribe", "--topic", "nothing"], 2),
            (["meridian://shop/aws-us/n1", "Status"], 1), (["\(client)/app-1", "Nothing"], 2),
            (["\(client)/app-1", "Get"], 2), (["app-1", "Report"], 2),
        ] as [([String], Int32)] {
            let run = try await CommandRun.meridian(["access", "check"] + arguments + ["--config", path])
            #expect(run.end == .exited(code), "\(arguments): \(run.output)")
        }
        let list = try await CommandRun.meridian(["access", "list", "--config", path])
        #expect(list.output.contains("/meridian.v1.CatalogService/Publish  publisher"), "\(list.output)")
        #expect(list.output.contains("meridian://shop/client/search: consumer of search-* on interactions"))
    }
}
