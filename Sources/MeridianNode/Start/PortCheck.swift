// Whether a start could listen where its configuration says: asked before the data directory is touched. The listeners for
// clients are made last, when the start has written its first records; one that fails only there would leave an incarnation
// behind each time (S1b).

import NodeEnvironment

/// The ports that a node takes beside `listen.admin`, which it holds by then. A value.
struct PortCheck: Sendable {
    private let ports: [(key: String, endpoint: Endpoint)]

    init(_ configuration: NodeConfiguration) {
        // Without TLS there is no mesh.
        let mesh = configuration.tls == nil ? nil : configuration.listen.mesh
        ports = [("api", configuration.listen.api)] + (mesh.map { [("mesh", $0)] } ?? [])
    }

    /// Throws NodeError `.cannotListen` for the first that another process has, or that cannot be bound. Blocks on the resolution
    /// of names.
    func check(_ links: any Links) throws(NodeError) {
        for (key, endpoint) in ports {
            do throws(LinkError) {
                try links.probe(endpoint)
            } catch {
                throw NodeError(
                    .cannotListen, "listen.\(key): \(error)",
                    nextStep:
                        "stop the process that has it (ss -ltnp names it), or choose a free port; nothing was written")
            }
        }
    }
}
