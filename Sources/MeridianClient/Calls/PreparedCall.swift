// A call as its attempts share it, and what became of one attempt.

import ClusterModel
import GRPCFraming
import NIOCore
import SwiftProtobuf

/// Encoded once, sent as often as needed.
struct PreparedCall<Reply: Message>: Sendable {
    let path: String
    let message: ByteBuffer
    let metadata: CallMetadata
    let kind: CallKind
    /// Nobody waits for the answer yet.
    let isAhead: Bool
    /// The only region that it may go to.
    let pin: Int?
    /// When a read is sent to a second region too.
    let hedgeAfter: Duration?
    /// The server's time in an answer.
    let serverTime: @Sendable (Reply) -> UInt64
}

/// One attempt's end.
struct AttemptOutcome<Reply: Message>: Sendable {
    let route: Route
    let endedAt: BootInstant
    let result: Result<Reply, MeridianClientError>
    /// What a failure says of the region.
    var verdict = RegionVerdict.final

    var isSuccess: Bool { if case .success = result { true } else { false } }

    /// The region refused it, since it has too much to do.
    var isOverloaded: Bool {
        guard case .failure(let failure) = result else { return false }
        return failure.code == .overloaded && verdict == .busy
    }
}
