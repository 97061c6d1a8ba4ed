// Effects of user events for consumers other than phones, and their groups.

import ClusterModel
import GRPCFraming
public import MeridianProtocol
import NodeEnvironment
import Synchronization

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

extension MeridianClient {
    private static let subscribePath = "/meridian.v1.StreamService/Subscribe"
    /// A subscription that fails again and again waits twice as long each time, so often at most.
    private static let maxDoublings = 8

    /// The effects of user events, at least once, for the consumer that is called `group`: 1 to 64 letters, digits, ".",
    /// "_" and "-". Begins after `cursor`, or where the group committed last, or at `start`.
    ///
    /// - Parameters:
    ///   - topic: "user-events" for everything, or "interactions", "profiles", "consents", "erasures", "beacons".
    ///   - partitions: those that this member of the group reads; empty for all.
    ///   - skipTrimmed: goes on behind effects that the region that answers has trimmed, and names their partitions in a batch's
    ///     `skippedPartitions`. Otherwise the subscription ends with CURSOR_TRIMMED, so that another region may be asked first.
    public func subscribe(
        topic: String = "user-events", group: String, from cursor: Data? = nil, start: EffectStart = .latest,
        partitions: [UInt32] = [], skipTrimmed: Bool = false
    ) -> EffectBatches {
        var request = Meridian_V1_SubscribeRequest()
        request.topic = topic
        request.group = group
        request.from = cursor ?? Data()
        request.start = start == .earliest ? .earliest : .latest
        request.partitions = partitions
        request.skipTrimmed = skipTrimmed
        return EffectBatches(client: self, request: request)
    }

    /// Makes a batch's cursor the group's once its effects are dealt with. Returns when it is durable in a region; keep the
    /// cursor too where the group may have to go on in another one.
    public func commit(
        _ batch: EffectBatch, topic: String = "user-events", group: String, options: CallOptions = CallOptions()
    ) async throws(MeridianClientError) {
        var options = options
        // Where the group reads is where it calls again.
        options.region = options.region ?? batch.region
        try await commit(cursor: batch.cursor, topic: topic, group: group, options: options)
    }

    /// The same for a cursor that the consumer kept, or the one in the metadata of a refusal with CURSOR_TRIMMED. Partitions
    /// that it does not name stay where they are.
    public func commit(
        cursor: Data, topic: String = "user-events", group: String, options: CallOptions = CallOptions()
    ) async throws(MeridianClientError) {
        var request = Meridian_V1_CommitRequest()
        request.topic = topic
        request.group = group
        request.cursor = cursor
        _ = try await call(.commitCursor, request, options: options)
    }

    /// The groups of one region, and how far they are behind.
    public func streamGroups(
        options: CallOptions = CallOptions()
    ) async throws(MeridianClientError) -> [Meridian_V1_GroupStatus] {
        try await call(.listGroups, Meridian_V1_GroupsRequest(), options: options).groups
    }

    /// Forgets a group in one region: its cursor, and its hold on the logs.
    public func forgetGroup(
        topic: String = "user-events", group: String, options: CallOptions = CallOptions()
    ) async throws(MeridianClientError) {
        var request = Meridian_V1_ForgetGroupRequest()
        request.topic = topic
        request.group = group
        _ = try await call(.forgetGroup, request, options: options)
    }

    // MARK: One call of Subscribe

    /// Begins a call at the region whose turn it is.
    func open(_ request: Meridian_V1_SubscribeRequest) async throws(MeridianClientError) -> SubscribeCall {
        let now = environment.clock.bootTime()
        let (route, isClosed) = state.withLock { state in
            (state.choice.route(RegionChoice.Ask(mayTry: true), at: now), state.isClosed)
        }
        guard !isClosed else { throw MeridianClientError(.unavailable, "the client is closed") }
        // With every region down, home is asked.
        let chosen = route ?? state.withLock { $0.choice.route(pinnedTo: 0, at: now) }
        do {
            let stream = try channels[chosen.region][chosen.endpoint].stream(
                path: Self.subscribePath, deadline: nil)
            let call = SubscribeCall(route: chosen, region: regions[chosen.region].name, stream: stream)
            state.withLock { $0.counts.onSent(chosen) }
            let message = try request.encodedBuffer()
            // What fails here shows again when the call is read.
            _ = try? await stream.send(message)
            stream.finishSending()
            return call
        } catch let status as RPCStatus {
            throw MeridianClientError(status)
        } catch {
            throw MeridianClientError(.invalidArgument, "the request cannot be encoded: \(error)")
        }
    }

    func onAnswer(of call: SubscribeCall) {
        let now = environment.clock.bootTime()
        state.withLock { state in
            state.counts.onAnswer(call.route)
            // How long a batch took says nothing of the way to it.
            state.counts.onMove(state.choice.onAnswer(call.route, trip: nil, isWrite: false, at: now))
        }
    }

    /// Returns when the subscription is to be tried again, after a pause; throws where that would change nothing.
    func onFailure(
        of call: SubscribeCall, _ failure: MeridianClientError, failures: Int
    ) async throws(MeridianClientError) {
        let now = environment.clock.bootTime()
        let verdict = RegionVerdict(failure)
        let (isOver, isClosed) = (Task.isCancelled, state.withLock(\.isClosed))
        state.withLock { state in
            if isOver {
                state.counts.onMove(state.choice.onAbandoned(call.route, forAnother: false, at: now))
                return
            }
            state.counts.onFailure(call.route, verdict, failure)
            state.counts.onMove(
                state.choice.onFailure(call.route, verdict, waited: now.since(call.route.startedAt), at: now))
        }
        guard failure.isTransient, !isOver, !isClosed else { throw failure }
        let policy = configuration.retry
        let delay = min(policy.longestDelay, policy.firstDelay * (1 << min(failures, Self.maxDoublings)))
        do {
            try await environment.clock.sleep(until: now.advanced(by: max(delay, failure.retryAfter ?? .zero)))
        } catch {
            throw MeridianClientError(.cancelled, "the consumer was cancelled while it waited to try again")
        }
    }
}
