// The unary methods of meridian.v1 with the types of their messages.

public import MeridianProtocol
public import SwiftProtobuf

/// Names a unary method. Every method may be repeated: events carry ids, the rest writes the same values again.
public struct ServiceMethod<Request: Message, Reply: Message>: Sendable {
    /// As gRPC writes it: `/package.Service/Method`.
    public let path: String
    /// The server's time in an answer, milliseconds since 1970.
    let serverTime: @Sendable (Reply) -> UInt64

    init(_ service: String, _ name: String) where Reply: TimedReply {
        path = "/meridian.v1.\(service)/\(name)"
        serverTime = { $0.serverTimeMs }
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
