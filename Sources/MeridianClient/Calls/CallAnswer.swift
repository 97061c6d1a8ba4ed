// An answer and the way to it.

public import SwiftProtobuf

/// What a call brought, from where, and what had failed before.
public struct CallAnswer<Reply: Message>: Sendable {
    /// The server's answer.
    public let reply: Reply
    /// The name of the region that gave it.
    public let region: String
    /// Attempts that failed before, in their order; at most `RegionFailure.kept`, the latest.
    public let failures: [RegionFailure]
    /// Requests that were sent one after the other, this one included; second copies of hedged reads are not counted.
    public let tries: Int
}
