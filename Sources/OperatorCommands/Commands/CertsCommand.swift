// `meridian certs issue`: a deployment's CA and the certificates of its nodes and clients.

package import ArgumentParser
import HostEnvironment
import NodeEnvironment

/// Groups the certificate commands.
package struct CertsCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "certs", abstract: "Make certificates.", subcommands: [CertsIssueCommand.self])

    package init() {}
}

/// Makes the CA when the directory has none, then one certificate. Never overwrites a file.
package struct CertsIssueCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "issue", abstract: "Issue a node's or a client's certificate; makes the CA when there is none.")

    @Option(help: "The deployment's id.") package var deployment: String
    @Option(help: "The node's region; with --node.") package var region: String?
    @Option(help: "The node's name; with --region.") package var node: String?
    @Option(help: "The client's name, instead of --region and --node.") package var client: String?
    @Option(help: "A DNS name or an IP address of the node; may be given again. Without it localhost and 127.0.0.1.")
    package var host: [String] = []
    @Option(help: "Days until it expires.") package var days = 90
    @Option(name: .customLong("out"), help: "The directory for the files.") package var directory = "certs"
    @Flag(help: "Print one JSON object.") package var json = false

    package init() {}

    package mutating func run() throws {
        do throws(OperatorFailure) {
            let paths = try issue()
            Console.answer(json ? paths.text : "issued; see \(directory)")
            if node != nil, host.isEmpty {
                Console.progress(
                    "meridian certs issue: without --host it is good for clients that dial "
                        + "\(Self.standardHosts.joined(separator: " or ")) only")
            }
            try Console.checkAnswers()
        } catch {
            Console.progress("meridian certs issue: \(error)")
            throw ExitCode(error.status.rawValue)
        }
    }

    private func issue() throws(OperatorFailure) -> JSONValue {
        guard (1...3_650).contains(days) else {
            throw OperatorFailure(.usage, "--days must be 1 to 3650", nextStep: "90 is a good value")
        }
        let (stem, subject) = try subject()
        for name in [deployment, region, node, client] { try Self.check(name) }
        guard region != "client" else {
            throw OperatorFailure(
                .usage, "a region cannot be called client: that is how identities of clients begin",
                nextStep: "give the region's name, or --client NAME for a client")
        }
        let store = CertificateDirectory(path: directory, files: HostFileStore())
        let issued = try store.authority(deployment: deployment).issue(subject, days: days)
        let files = try store.create(stem, issued)
        return .object([
            "ca": .string(store.authorityPath), "certificate": .string(files.certificate), "key": .string(files.key),
            "uri": .string(subject.uri),
        ])
    }

    /// A name is one part of an identity, as configuration has it.
    private static func check(_ name: String?) throws(OperatorFailure) {
        guard let name else { return }
        let isName = name.unicodeScalars.allSatisfy { scalar in
            scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
                || "-_.".unicodeScalars.contains(scalar)
        }
        guard isName, (1...63).contains(name.utf8.count) else {
            throw OperatorFailure(
                .usage, "\"\(name)\" cannot be part of an identity",
                nextStep: "use 1 to 63 letters, digits, \"-\", \"_\" and \".\"")
        }
    }

    private static let standardHosts = ["localhost", "127.0.0.1"]

    private func subject() throws(OperatorFailure) -> (stem: String, subject: CertificateAuthority.Subject) {
        switch (region, node, client) {
        case (let region?, let node?, nil):
            let hosts = host.isEmpty ? Self.standardHosts : host
            return (
                "\(region)-\(node)",
                .init(commonName: node, uri: "meridian://\(deployment)/\(region)/\(node)", hosts: hosts)
            )
        case (nil, nil, let client?):
            return (
                "client-\(client)", .init(commonName: client, uri: "meridian://\(deployment)/client/\(client)")
            )
        default:
            throw OperatorFailure(
                .usage, "say whose certificate it is", nextStep: "give --region and --node, or --client")
        }
    }
}
