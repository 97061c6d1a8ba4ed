// C17 with real processes: a node that would let nobody in does not start, and a reload says what it did.

import Foundation
import HostEnvironment
import NodeEnvironment
import Testing

@testable import OperatorCommands

@Suite(.serialized, .enabled(if: BuiltExecutables.areThere, Comment(rawValue: BuiltExecutables.absence)))
struct CredentialTests {
    private static func issue(
        _ scratch: ScratchDirectory, _ stem: String, uri: String, hosts: [String] = ["127.0.0.1"], days: Int = 1
    ) throws -> TLSIdentity {
        let store = CertificateDirectory(path: "\(scratch.path)/certs", files: HostFileStore())
        let issued = try store.authority(deployment: "quickstart").issue(
            .init(commonName: stem, uri: uri, hosts: hosts), days: days)
        return TLSIdentity(
            authorityPath: store.authorityPath, certificatePath: try store.create("\(stem).pem", issued.certificatePEM),
            keyPath: try store.create("\(stem).key", issued.keyPEM))
    }

    /// A node whose files are those of `node`, not started.
    private static func with(
        _ make: (ScratchDirectory) throws -> TLSIdentity, _ body: (RealNode) async throws -> Void
    ) async throws {
        try await RealNode.with(
            tls: { scratch in
                let client = try issue(scratch, "operator", uri: "meridian://quickstart/client/operator", hosts: [])
                return NodeTLS(node: try make(scratch), client: client)
            }, body)
    }

    private static func check(_ real: RealNode) async throws -> CommandRun {
        try await CommandRun.run([BuiltExecutables.meridiand, "--config", real.node.configurationPath, "--check"])
    }

    private static let mine = "meridian://quickstart/local/node-1"

    @Test(arguments: [
        (mine, ["127.0.0.1"], -1, "past its date"),
        ("meridian://mall/local/node-1", ["127.0.0.1"], 1, "another deployment"),
        ("meridian://quickstart/far/node-1", ["127.0.0.1"], 1, "another region"),
        ("meridian://quickstart/client/app", [], 1, "a client's certificate"),
        (mine, [], 1, "may not be used by a server"),
    ])
    func c17AForeignOrOldCertificateIsRefusedByNameAndFile(
        uri: String, hosts: [String], days: Int, word: String
    ) async throws {
        try await Self.with({ try Self.issue($0, "node", uri: uri, hosts: hosts, days: days) }) { real in
            let checked = try await Self.check(real)
            #expect(checked.end == .exited(2), "\(checked.output)")
            #expect(checked.output.contains("node.pem") && checked.output.contains(word), "\(checked.output)")
            await #expect { try await real.node.start() } throws: { error in
                "\(error)".contains("node.pem") && "\(error)".contains(word)
            }
        }
    }

    @Test func c17AReloadOfFilesThatAreNoGoodIsRefusedByName() async throws {
        try await Self.with({ try Self.issue($0, "node", uri: Self.mine) }) { real in
            let checked = try await Self.check(real)
            #expect(checked.end == .exited(0), "\(checked.output)")
            try await real.node.start()
            let identity = try #require(real.node.settings.tls?.node)
            let old = try Self.issue(real.scratch, "old", uri: Self.mine, days: -1)
            for (from, to) in [(old.certificatePath, identity.certificatePath), (old.keyPath, identity.keyPath)] {
                try Data(contentsOf: URL(filePath: from)).write(to: URL(filePath: to))
            }
            try await Self.hangUp(real)
            let refused = try await Self.line(of: real, "certificates")
            #expect(refused.contains("certificates not reloaded") && refused.contains("past its date"), "\(refused)")
            // What was read before stays.
            let status = try await CommandRun.meridian(
                [
                    "status", "--json", "--endpoint", "\(real.node.endpoint)", "--ca", identity.authorityPath,
                    "--certificate", real.node.settings.tls?.client.certificatePath ?? "", "--key",
                    real.node.settings.tls?.client.keyPath ?? "",
                ])
            #expect(status.end == .exited(0), "\(status.output)")
            try await real.node.stop()
        }
    }

    /// What is in force is said key by key, and so is what is not.
    @Test func aReloadReadsNewPathsAndNamesWhatNeedsARestart() async throws {
        try await Self.with({ try Self.issue($0, "node", uri: Self.mine) }) { real in
            try await real.node.start()
            let identity = try #require(real.node.settings.tls?.node)
            let fresh = try Self.issue(real.scratch, "fresh", uri: Self.mine)
            let url = URL(filePath: real.node.configurationPath)
            let text = String(decoding: try Data(contentsOf: url), as: UTF8.self)
                .replacing(identity.certificatePath, with: fresh.certificatePath)
                .replacing(identity.keyPath, with: fresh.keyPath)
            try Data((text + "\nlimits: {users: 12345}\n").utf8).write(to: url)
            // The files of before may go: nothing reads them any more.
            try FileManager.default.removeItem(atPath: identity.certificatePath)
            try await Self.hangUp(real)
            let inForce = try await Self.line(of: real, "in force from now on")
            #expect(inForce.contains("tls.certificate, tls.key"), "\(inForce)")
            let restart = try await Self.line(of: real, "restart the node")
            #expect(restart.contains("keys=limits.users"), "\(restart)")
            // A slip anywhere refuses all of it.
            try Data((text + "\nlimits: {userz: 1}\n").utf8).write(to: url)
            try await Self.hangUp(real)
            let refused = try await Self.line(of: real, "not reloaded")
            #expect(refused.contains("limits.userz"), "\(refused)")
            try await real.node.stop()
        }
    }

    @Test func c18TokenKeysAreReloadedAndASlipChangesNothing() async throws {
        try await RealNode.with { real in
            try await real.node.start()
            let original = try String(contentsOfFile: real.node.configurationPath, encoding: .utf8)
            func configure(_ keys: String) throws {
                try "keys:\n  tokens: [\(keys)]\n\(original)".write(
                    toFile: real.node.configurationPath, atomically: true, encoding: .utf8)
            }
            try configure("{id: 7, file: \(real.scratch.path)/missing}")
            try await Self.hangUp(real)
            _ = try await Self.line(of: real, "token keys not reloaded")
            _ = try await Self.line(of: real, "\(real.scratch.path)/missing")
            try Data(repeating: 7, count: 32).write(to: URL(filePath: "\(real.scratch.path)/seven"))
            try configure("{id: 7, file: \(real.scratch.path)/seven}")
            try await Self.hangUp(real)
            let reloaded = try await Self.line(of: real, "token keys reloaded")
            #expect(reloaded.contains("signs=7"), "\(reloaded)")
            try await real.node.stop()
        }
    }

    private static func hangUp(_ real: RealNode) async throws {
        let identifier = try #require(await real.node.identifier)
        let run = try await CommandRun.run(["/bin/kill", "-HUP", "\(identifier)"])
        #expect(run.end == .exited(0), "\(run.output)")
    }

    /// The first line of the node's log that holds `word`, waited for.
    private static func line(of real: RealNode, _ word: String) async throws -> String {
        for _ in 0..<1_000 {
            let text = String(
                decoding: try Data(contentsOf: URL(filePath: real.node.outputPath)), as: UTF8.self)
            if let line = text.split(separator: "\n").first(where: { $0.contains(word) }) { return String(line) }
            try await real.environment.clock.sleep(for: .milliseconds(20))
        }
        return ""
    }
}
