// Calls to actors on other nodes.

import ClusterModel
import GRPCFraming
import NIOCore
import NodeEnvironment
import Synchronization

/// Sends frames to the node that the placement names. Thread-safe.
final class OutgoingCalls: Sendable {
    private struct State {
        var underWay = 0
        var channels: [Destination: any CallChannel] = [:]
        /// Endpoints whose last call failed on its way: they are tried last. At most `limits.channels`.
        var failed: Set<Endpoint> = []
    }

    /// Where a channel goes, and who must answer there.
    private struct Destination: Hashable {
        var endpoint: Endpoint
        var peer: ExpectedPeer
    }

    private let environment: NodeEnvironment
    private let placement: any ActorPlacement
    private let security: LinkSecurity
    private let terms: TermsFingerprint?
    private let metadata: CallMetadata
    private let limits: ActorClusterLimits
    private let state = Mutex(State())

    init(
        environment: NodeEnvironment, placement: any ActorPlacement, security: LinkSecurity, terms: TermsFingerprint?,
        limits: ActorClusterLimits
    ) {
        self.environment = environment
        self.placement = placement
        self.security = security
        self.terms = terms
        metadata = CallTerms.metadata(terms)
        self.limits = limits
    }

    /// The reply's reader, at the value. `deadline` nil: `callTimeout` from now. `repeats`: whether the method may run twice;
    /// then a call whose link fails goes on at the node's next endpoint. Otherwise the next call does.
    func call(
        _ actor: ActorIdentity, frame: [UInt8], deadline: BootInstant?, repeats: Bool
    ) async throws(ActorCallError) -> ByteReader {
        guard frame.count <= limits.frameBytes else {
            throw ActorCallError(.requestTooLarge, "\(frame.count) bytes, limit \(limits.frameBytes)")
        }
        let endpoints = ordered(placement.endpoints(of: actor))
        guard !endpoints.isEmpty else { throw ActorCallError(.noRoute, "no node is known to run \(actor)") }
        let now = environment.clock.bootTime()
        let deadline = deadline ?? now.advanced(by: limits.callTimeout)
        guard now < deadline else { throw ActorCallError(.deadlineExceeded, "passed before the call was sent") }
        guard begin() else { throw ActorCallError(.tooManyCalls, "\(limits.outgoingCalls) calls wait already") }
        defer { end() }
        var failure = ActorCallError(.noRoute, "no node is known to run \(actor)")
        for (place, endpoint) in endpoints.enumerated() {
            // An endpoint that never answers leaves the others their share of the time.
            let left = endpoints.count - place
            let now = environment.clock.bootTime()
            let share = repeats && left > 1 ? now.advanced(by: deadline.since(now) / left) : deadline
            do throws(ActorCallError) {
                let reader = try await call(actor, at: endpoint, frame: frame, deadline: share)
                state.withLock { _ = $0.failed.remove(endpoint) }
                return reader
            } catch {
                guard error.code == .linkFailed || error.code == .deadlineExceeded else { throw error }
                note(failed: endpoint)
                failure = error
                guard repeats else { throw error }
            }
        }
        throw failure
    }

    private func call(
        _ actor: ActorIdentity, at endpoint: Endpoint, frame: [UInt8], deadline: BootInstant
    ) async throws(ActorCallError) -> ByteReader {
        let channel = try channel(to: Destination(endpoint: endpoint, peer: placement.expectedPeer(of: actor)))
        let reply: UnaryReply
        do throws(RPCStatus) {
            reply = try await channel.unary(
                path: ActorInvocationServer.path, message: ByteBuffer(bytes: frame), metadata: metadata,
                deadline: deadline)
        } catch {
            let code = error.code == .deadlineExceeded ? ActorCallError.Code.deadlineExceeded : .linkFailed
            throw ActorCallError(code, "\(actor) at \(endpoint): \(error)")
        }
        guard reply.message.readableBytes <= limits.frameBytes else {
            throw ActorCallError(.malformedReply, "\(reply.message.readableBytes) bytes, limit \(limits.frameBytes)")
        }
        let reader = try ReplyFrame.open(Array(reply.message.readableBytesView))
        if let terms, reply.trailers.first(CallTerms.name) != terms.description {
            throw ActorCallError(.otherTerms, "\(endpoint) is of a region with other terms")
        }
        return reader
    }

    /// Those whose last call failed come last.
    private func ordered(_ endpoints: [Endpoint]) -> [Endpoint] {
        guard endpoints.count > 1 else { return endpoints }
        let failed = state.withLock(\.failed)
        return endpoints.filter { !failed.contains($0) } + endpoints.filter { failed.contains($0) }
    }

    private func note(failed endpoint: Endpoint) {
        state.withLock { state in
            // Once all have failed, none is worse than the others: the oldest word counts no more.
            if state.failed.count >= limits.channels { state.failed = [] }
            state.failed.insert(endpoint)
        }
    }

    private func channel(to destination: Destination) throws(ActorCallError) -> any CallChannel {
        if let channel = state.withLock({ $0.channels[destination] }) { return channel }
        let made: any CallChannel
        do throws(LinkError) {
            made = try environment.links.channel(
                to: destination.endpoint, security: security.expecting(destination.peer))
        } catch {
            throw ActorCallError(.linkFailed, "\(destination.endpoint): \(error)")
        }
        let kept = state.withLock { state -> (any CallChannel)? in
            if let other = state.channels[destination] { return other }
            guard state.channels.count < limits.channels else { return nil }
            state.channels[destination] = made
            return made
        }
        guard let kept else { throw ActorCallError(.tooManyCalls, "\(limits.channels) endpoints in use already") }
        return kept
    }

    private func begin() -> Bool {
        state.withLock { state in
            guard state.underWay < limits.outgoingCalls else { return false }
            state.underWay += 1
            return true
        }
    }

    private func end() { state.withLock { $0.underWay -= 1 } }

    /// Closes all channels; calls under way fail with `.linkFailed`.
    func close() async {
        let channels = state.withLock { state in
            defer { state.channels = [:] }
            return state.channels.sorted { "\($0.key.endpoint)" < "\($1.key.endpoint)" }.map(\.value)
        }
        for channel in channels { await channel.close() }
    }
}
