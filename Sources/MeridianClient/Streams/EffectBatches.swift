// A subscription as a sequence: as fast as it is read, and through regions that come and go.

import ClusterModel
import GRPCFraming
import MeridianProtocol
import NIOCore
import NodeEnvironment
import SwiftProtobuf

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Batches of effects, without an end. The server sends as much as is taken, and little more: a consumer that is slow holds
/// up nobody else. When its region fails, the iterator turns to another one and goes on after the last batch that it gave,
/// until its task is cancelled; it throws what another try does not change, such as a cursor whose log was trimmed.
/// Each iterator is a subscription of its own.
public struct EffectBatches: AsyncSequence, Sendable {
    /// What is read.
    public typealias Element = EffectBatch
    /// What ends a subscription.
    public typealias Failure = MeridianClientError

    let client: MeridianClient
    let request: Meridian_V1_SubscribeRequest

    /// One call of Subscribe after the other. For one task.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let client: MeridianClient
        private var request: Meridian_V1_SubscribeRequest
        private var call: SubscribeCall?
        private var failures = 0

        init(_ client: MeridianClient, _ request: Meridian_V1_SubscribeRequest) {
            self.client = client
            self.request = request
        }

        /// The next batch. Throws `.cancelled` when the task is.
        public mutating func next() async throws(MeridianClientError) -> EffectBatch? {
            try await next(isolation: nil)
        }

        /// The same for a caller that is an actor.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(MeridianClientError) -> EffectBatch? {
            while true {
                let call = try await openCall()
                do throws(RPCStatus) {
                    let batch = try await call.next()
                    client.onAnswer(of: call)
                    failures = 0
                    request.from = batch.cursor
                    return batch
                } catch {
                    self.call = nil
                    try await client.onFailure(of: call, MeridianClientError(error), failures: failures)
                    failures += 1
                }
            }
        }

        private mutating func openCall() async throws(MeridianClientError) -> SubscribeCall {
            if let call { return call }
            let made = try await client.open(request)
            call = made
            return made
        }
    }

    /// A subscription of its own.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(client, request) }
}

/// One call of Subscribe at one node.
struct SubscribeCall: Sendable {
    let route: Route
    let region: String
    let stream: ClientStream

    func next() async throws(RPCStatus) -> EffectBatch {
        guard let message = try await stream.next() else {
            throw RPCStatus(.unavailable, "the server ended the subscription")
        }
        do {
            let reply = try Meridian_V1_SubscribeReply(reading: message)
            return EffectBatch(
                effects: reply.effects, cursor: reply.cursor, region: region, skippedPartitions: reply.skippedPartitions
            )
        } catch {
            throw RPCStatus(.internal, "the answer is not a SubscribeReply: \(error)")
        }
    }
}
