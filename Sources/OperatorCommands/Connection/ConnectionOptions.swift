// The options of every command that talks to a node.

package import ArgumentParser
import HostEnvironment
package import MeridianClient
import NodeEnvironment

/// Where the node is and how the link is secured.
package struct ConnectionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Where a node serves its API; more than one, separated by commas.", valueName: "host:port"))
    package var endpoint = "127.0.0.1:7411"
    @Option(
        help: ArgumentHelp(
            "The CA that signed the node's certificate (PEM); with --certificate and --key.", valueName: "path"))
    package var ca: String?
    @Option(help: ArgumentHelp("This client's certificate (PEM).", valueName: "path")) package var certificate: String?
    @Option(help: ArgumentHelp("The key of --certificate (PEM).", valueName: "path")) package var key: String?
    @Option(help: ArgumentHelp("Seconds to wait for an answer, retries included.", valueName: "seconds"))
    package var timeout = 10.0

    package init() {}

    /// The node's endpoints, checked; no connection is made.
    package func region() throws(OperatorFailure) -> RegionEndpoints {
        var endpoints: [Endpoint] = []
        for text in endpoint.split(separator: ",") {
            guard let endpoint = Endpoint(String(text)), endpoint.port > 0 else {
                throw OperatorFailure(
                    .usage, "--endpoint \(text) is not host:port", nextStep: "for instance --endpoint 127.0.0.1:7411")
            }
            endpoints.append(endpoint)
        }
        guard let region = RegionEndpoints(endpoints, security: try security()) else {
            throw OperatorFailure(
                .usage, "--endpoint takes 1 to \(RegionEndpoints.maxEndpoints) endpoints",
                nextStep: "for instance --endpoint 127.0.0.1:7411")
        }
        return region
    }

    /// The limits of one call.
    package func callOptions() throws(OperatorFailure) -> CallOptions {
        guard timeout > 0, timeout <= 3_600 else {
            throw OperatorFailure(.usage, "--timeout must be above 0 and at most 3600", nextStep: "10 is a good value")
        }
        // A person waits: a node that is not there is said to be away at once.
        return CallOptions(timeout: .seconds(timeout), retry: RetryPolicy(awaitsNodes: false))
    }

    /// The same for a question that the node asks of other regions in its turn: it gets the time to name the one that does not
    /// answer, instead of being asked again.
    package func regionOptions() throws(OperatorFailure) -> CallOptions {
        var options = try callOptions()
        var retry = options.retry ?? RetryPolicy(awaitsNodes: false)
        retry.attemptTimeout = max(retry.attemptTimeout, options.timeout / 2)
        options.retry = retry
        return options
    }

    /// Whether the link has no TLS.
    package var isPlaintext: Bool { ca == nil && certificate == nil && key == nil }

    private func security() throws(OperatorFailure) -> LinkSecurity {
        switch (ca, certificate, key) {
        case (nil, nil, nil): return .plaintext
        case (let ca?, let certificate?, let key?):
            let identity = TLSIdentity(authorityPath: ca, certificatePath: certificate, keyPath: key)
            return try LinkSecurity.mutualTLS(identity).expecting(Self.node(for: certificate))
        default:
            throw OperatorFailure(
                .usage, "--ca, --certificate and --key belong together",
                nextStep: "make them: meridian certs issue --deployment ID --client operator-NAME")
        }
    }

    /// Whom a client talks to: nodes of the deployment that its own certificate names. A certificate without a deployment
    /// leaves the host's name to tell.
    private static func node(for certificate: String) throws(OperatorFailure) -> ExpectedPeer {
        let uri = try CertificateFile.identity(in: certificate, files: HostFileStore())
        let parts = uri?.split(separator: "/", omittingEmptySubsequences: false) ?? []
        guard parts.count == 5, parts[0] == "meridian:", parts[1].isEmpty, !parts[2].isEmpty else { return .host }
        return .member(of: String(parts[2]))
    }
}
