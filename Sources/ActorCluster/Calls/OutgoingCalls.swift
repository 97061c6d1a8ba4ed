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
    }

    /// Where a channel goes, and who must answer there.
    private struct Destination: Hashable {
        var endpoint: Endpoint
        var peer: ExpectedPeer
    }

    private let environment: NodeEnvironment
    private let placement: any ActorPlacement
    private let security: LinkSecurity
    private let limits: ActorClusterLimits
    private let state = Mutex(State())

    init(
        environment: NodeEnvironment, placement: any ActorPlacement, security: LinkSecurity, limits: ActorClusterLimits
    ) {
        self.environment = environment
        self.placement = placement
        self.security = security
        self.limits = limits
    }

    /// The reply's reader, at the value. `deadline` nil: `callTimeout` from now.
    func call(
        _ actor: ActorIdentity, frame: [UInt8], deadline: BootInstant?
    ) async throws(ActorCallError) -> ByteReader {
        guard frame.count <= limits.frameBytes else {
            throw ActorCallError(.requestTooLarge, "\(frame.count) bytes, limit \(limits.frameBytes)")
        }
        guard let endpoint = placement.endpoint(of: actor) else {
            throw ActorCallError(.noRoute, "no node is known to run \(actor)")
        }
        let now = environment.clock.bootTime()
        let deadline = deadline ?? now.advanced(by: limits.callTimeout)
        guard now < deadline else { throw ActorCallError(.deadlineExceeded, "passed before the call was sent") }
        let channel = try channel(to: Destination(endpoint: endpoint, peer: placement.expectedPeer(of: actor)))
        guard begin() else { throw ActorCallError(.tooManyCalls, "\(limits.outgoingCalls) calls wait already") }
        defer { end() }
        let reply: UnaryReply
        do throws(RPCStatus) {
            reply = try await channel.unary(
                path: ActorInvocationServer.path, message: ByteBuffer(bytes: frame), metadata: CallMetadata(),
                deadline: deadline)
        } catch {
            let code = error.code == .deadlineExceeded ? ActorCallError.Code.deadlineExceeded : .linkFailed
            throw ActorCallError(code, "\(actor) at \(endpoint): \(error)")
        }
        guard reply.message.readableBytes <= limits.frameBytes else {
            throw ActorCallError(.malformedReply, "\(reply.message.readableBytes) bytes, limit \(limits.frameBytes)")
        }
        return try ReplyFrame.open(Array(reply.message.readableBytesView))
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
