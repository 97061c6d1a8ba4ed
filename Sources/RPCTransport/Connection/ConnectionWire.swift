// A connection's bytes between its socket and its HTTP/2 session, for both sides of a link.

import ClusterModel
import HTTP2Engine
import NIOCore
import NodeEnvironment

/// Why a connection ends.
enum ConnectionEnd: Error, Hashable, Sendable {
    case http2(HTTP2SessionError)
    case tls(TLSFailure)
    /// There is no place for such a peer.
    case refused
}

/// Pumps bytes. Stays on its channel's loop. Emits one write for each fill of its buffer, and uses the buffer again once
/// the socket has taken it.
final class ConnectionWire {
    /// Writes in one flush; the rest waits for the loop's next tick, so that others have their turn.
    private static let maxWritesAFlush = 8
    /// A session's step is 34 ms: a quick call's deadline is longer, and a connection's streams given up after it are fewer
    /// a second than what it may ask for anyway.
    private static let stepShift: UInt64 = 25

    let session: HTTP2Session
    private(set) var tls: TLSEngine?
    private var bytesReceived: UInt64 = 0
    private var bytesSent: UInt64 = 0
    private var plain = ByteBuffer()
    private var output = ByteBuffer()
    private var isFlushing = false
    private var hasHeard = false
    private var budget: FrameBudget
    /// Asked once, over TLS, when the peer is known and before anything of it is read; false ends the connection.
    var admission: (() -> Bool)?
    private let clock: any NodeClock

    init(session: HTTP2Session, tls: TLSEngine?, limits: TransportLimits, clock: any NodeClock) {
        self.session = session
        self.tls = tls
        self.clock = clock
        budget = FrameBudget(limits: limits)
    }

    /// Whether HTTP/2 may be spoken: there is no TLS, or its handshake is over.
    var isSecured: Bool { tls?.isEstablished ?? true }

    /// Begins a TLS handshake (client); nothing without TLS.
    func start() throws(ConnectionEnd) {
        do throws(TLSFailure) {
            try tls?.start()
        } catch {
            throw .tls(error)
        }
    }

    /// Bytes read since the last time.
    func takeReceivedCount() -> UInt64 {
        defer { bytesReceived = 0 }
        return bytesReceived
    }

    /// Whether bytes arrived since the last time.
    func takeHeard() -> Bool {
        defer { hasHeard = false }
        return hasHeard
    }

    /// Bytes written since the last time.
    func takeSentCount() -> UInt64 {
        defer { bytesSent = 0 }
        return bytesSent
    }

    /// Takes what the socket read, by when it had arrived.
    func receive(_ bytes: ByteBuffer, at instant: BootInstant, sink: any HTTP2EventSink) throws(ConnectionEnd) {
        session.step = UInt32(truncatingIfNeeded: instant.nanoseconds >> Self.stepShift)
        bytesReceived &+= UInt64(bytes.readableBytes)
        hasHeard = true
        guard let tls else { return try receivePlain(bytes, sink: sink) }
        plain.clear()
        // What came before a failure still counts: an answer may stand before a close.
        let failure: TLSFailure?
        do throws(TLSFailure) {
            try tls.receive(bytes.readableBytesUInt8Span, into: &plain)
            failure = nil
        } catch {
            failure = error
        }
        if plain.readableBytes > 0 {
            try admit()
            try receivePlain(plain, sink: sink)
        }
        if let failure { throw .tls(failure) }
    }

    private func admit() throws(ConnectionEnd) {
        guard let admission else { return }
        self.admission = nil
        guard admission() else { throw .refused }
    }

    private func receivePlain(_ bytes: ByteBuffer, sink: any HTTP2EventSink) throws(ConnectionEnd) {
        do throws(HTTP2SessionError) {
            try session.receive(bytes.readableBytesUInt8Span, sink: sink)
        } catch {
            throw .http2(error)
        }
        let cost = session.takeControlCost()
        guard cost > 0, !budget.spend(cost, at: clock.bootTime()) else { return }
        session.terminate(.enhanceYourCalm)
        throw .http2(.flooded)
    }

    /// Writes what the session and TLS have, as long as the channel takes it. True when more is left for another tick.
    func flush(to channel: any Channel, sink: any HTTP2EventSink) throws(ConnectionEnd) -> Bool {
        // A write may call back into here by way of the channel's writability.
        guard !isFlushing else { return false }
        isFlushing = true
        defer { isFlushing = false }
        var writes = 0
        while channel.isWritable {
            guard writes < Self.maxWritesAFlush else { return true }
            try fill(sink: sink)
            guard output.readableBytes > 0 else { return false }
            var bytes = ByteBuffer()
            swap(&bytes, &output)
            bytesSent &+= UInt64(bytes.readableBytes)
            channel.writeAndFlush(bytes, promise: nil)
            swap(&bytes, &output)
            writes += 1
        }
        return false
    }

    /// Closes once everything that was written has left: a plain close would drop what the socket has not taken yet.
    static func closeAfterWrites(_ channel: any Channel) {
        channel.writeAndFlush(ByteBuffer()).whenComplete { _ in channel.close(promise: nil) }
    }

    private func fill(sink: any HTTP2EventSink) throws(ConnectionEnd) {
        output.clear()
        do throws(HTTP2SessionError) {
            guard let tls else { return try session.send(into: &output, sink: sink) }
            if tls.isEstablished {
                plain.clear()
                try session.send(into: &plain, sink: sink)
            }
        } catch {
            throw .http2(error)
        }
        try encrypt()
    }

    private func encrypt() throws(ConnectionEnd) {
        guard let tls else { return }
        do throws(TLSFailure) {
            if tls.isEstablished, plain.readableBytes > 0 {
                var bytes = ByteBuffer()
                swap(&bytes, &plain)
                defer { swap(&bytes, &plain) }
                try tls.send(bytes.readableBytesUInt8Span)
                bytes.clear()
            }
            tls.drain(into: &output)
        } catch {
            throw .tls(error)
        }
    }
}
