// The unary methods of meridian.v1 with the types of their messages.

public import MeridianProtocol
public import SwiftProtobuf

/// Names a unary method. Every method may be repeated, in any region: events carry ids, the rest writes the same values
/// again.
public struct ServiceMethod<Request: Message, Reply: Message>: Sendable {
    /// As gRPC writes it: `/package.Service/Method`.
    public let path: String
    /// The server's time in an answer, milliseconds since 1970.
    let serverTime: @Sendable (Reply) -> UInt64

    /// How a request may be sent.
    let kind: @Sendable (Request) -> CallKind

    init(_ service: String, _ name: String, _ kind: CallKind) where Reply: TimedReply {
        self.init(service, name) { _ in kind }
    }

    init(
        _ service: String, _ name: String, kind: @escaping @Sendable (Request) -> CallKind
    ) where Reply: TimedReply {
        path = "/meridian.v1.\(service)/\(name)"
        serverTime = { $0.serverTimeMs }
        self.kind = kind
    }

    /// A write that waits as long as its durability needs.
    init(
        _ service: String, _ name: String,
        durability: @escaping @Sendable (Request) -> Meridian_V1_Durability
    ) where Reply: TimedReply {
        self.init(service, name) { durability($0).level == .remote ? .patientWrite : .write }
    }
}

/// An answer that says the server's time (S4): every one of meridian.v1 does.
public protocol TimedReply: Message {
    /// Milliseconds since 1970 by the server's clock.
    var serverTimeMs: UInt64 { get }
}

extension Meridian_V1_NextContentReply: TimedReply {}
extension Meridian_V1_ExplainReply: TimedReply {}
extension Meridian_V1_ReportReply: TimedReply {}
extension Meridian_V1_PublishReply: TimedReply {}
extension Meridian_V1_WithdrawReply: TimedReply {}
extension Meridian_V1_GetContentReply: TimedReply {}
extension Meridian_V1_ListContentReply: TimedReply {}
extension Meridian_V1_UserWriteReply: TimedReply {}
extension Meridian_V1_GetProfileReply: TimedReply {}
extension Meridian_V1_SendBeaconsReply: TimedReply {}
extension Meridian_V1_PopularReply: TimedReply {}
extension Meridian_V1_ContentStatsReply: TimedReply {}
extension Meridian_V1_StatusReply: TimedReply {}
extension Meridian_V1_DigestReply: TimedReply {}
extension Meridian_V1_DrainReply: TimedReply {}
extension Meridian_V1_ResumeReply: TimedReply {}
extension Meridian_V1_EvacuateReply: TimedReply {}
extension Meridian_V1_LogStatsReply: TimedReply {}
extension Meridian_V1_CommitReply: TimedReply {}
extension Meridian_V1_GroupsReply: TimedReply {}
extension Meridian_V1_ForgetGroupReply: TimedReply {}
