// Where actors run: asked at every call to an actor that is not here.

package import NodeEnvironment

/// Resolves identities to nodes. Called on the caller's executor: must not block.
package protocol ActorPlacement: Sendable {
    /// The mesh endpoints of the node that runs the actor, in the order in which they are tried; none when no node is known
    /// to.
    func endpoints(of actor: ActorIdentity) -> [Endpoint]

    /// Who must answer there, where links have certificates.
    func expectedPeer(of actor: ActorIdentity) -> ExpectedPeer
}

extension ActorPlacement {
    /// Whoever has the host's name.
    package func expectedPeer(of actor: ActorIdentity) -> ExpectedPeer { .host }
}

/// The placement of a deployment with one node a region: every actor is here or nowhere.
package struct OnlyHere: ActorPlacement {
    package init() {}

    package func endpoints(of actor: ActorIdentity) -> [Endpoint] { [] }
}
