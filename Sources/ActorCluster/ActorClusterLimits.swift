// The bounds of the actor system.

/// How much of everything at most. A value; the standard one serves a node of 4096 shards.
package struct ActorClusterLimits: Hashable, Sendable {
    /// Actors on this node. Above `PartitionCount.maximum`, with room for actors that are not shards.
    package var actors = 8_192
    /// Calls to other nodes that wait for an answer.
    package var outgoingCalls = 4_096
    /// Calls from other nodes to methods that suspend, queued or under way.
    package var suspendedCalls = 4_096
    /// Bytes of a request or reply frame. Below the transport's 4 MiB.
    package var frameBytes = 2 << 20
    /// Endpoints that a channel is kept for.
    package var channels = 256
    /// How long a call may take whose caller set no deadline.
    package var callTimeout = Duration.seconds(10)

    package static let standard = ActorClusterLimits()

    package init() {}
}
