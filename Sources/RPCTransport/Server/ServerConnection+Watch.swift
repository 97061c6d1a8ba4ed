// Looking after a connection: pings, requests that never end, age, and the graceful way out.

import ClusterModel
import GRPCFraming
import HTTP2Engine
import NIOCore
import NodeEnvironment

extension ServerConnection {
    /// Begins to look at the connection, once a step.
    func startWatch() {
        let now = setting.clock.bootTime()
        scheduleWatch(at: now.advanced(by: setting.limits.watchStep))
    }

    func onWatchStep() {
        expireUnfinishedRequests()
        if let engine = wire.tls, isRevoked(engine) {
            counts.connectionsRevoked += 1
            return close()
        }
        let step = ConnectionWatch.Step(
            hasHeard: wire.takeHeard(), hasFrames: session.takeFrameCount() > 0,
            hasUnsent: unsentBytes > 0 || !isChannelWritable, hasSent: session.takeBodyBytesSent() > 0,
            hasCalls: session.streamCount > 0, isCrowded: isCrowded())
        switch watch.onStep(step) {
        case .none: break
        case .rest: wire.tls?.releaseBuffers()
        case .ping:
            session.submitPing()
            flush()
        case .retire:
            counts.connectionsRetired += 1
            watch.onRetired()
            beginShutDown()
        case .close(let ending):
            count(ending)
            return close()
        }
        startWatch()
    }

    private func count(_ ending: ConnectionWatch.Ending) {
        switch ending {
        case .silent: counts.connectionsSilent += 1
        case .stalled: counts.connectionsStalled += 1
        case .trickling: counts.connectionsTrickling += 1
        case .overdue: break
        }
    }

    /// Refuses requests whose bytes do not arrive in time: each holds a place and a buffer.
    private func expireUnfinishedRequests() {
        let limit = setting.limits.maxRequestSteps
        for index in calls.indices where calls[index].onStep() >= limit {
            counts.requestsTimedOut += 1
            let stream = HTTP2StreamKey(place: Int32(index), generation: calls[index].generation)
            refuse(stream, RPCStatus(.deadlineExceeded, "the request did not arrive in time"))
        }
    }

    // MARK: The way out

    /// Takes no new calls and closes once those under way are answered. First comes a notice that refuses nothing, and
    /// when the peer has seen it (it answers a ping) the last stream's number: no call that was sent meanwhile is lost
    /// (RFC 9113 section 6.8).
    func beginShutDown() {
        guard !isShuttingDown else { return }
        markShuttingDown()
        guard wire.isSecured else { return close() }
        session.submitShutdownNotice()
        session.submitPing()
        flush()
    }

    /// The peer has seen the notice.
    func onPingAnswered() {
        guard isShuttingDown, !hasSaidLastStream else { return }
        hasSaidLastStream = true
        session.submitGoAway()
    }
}
