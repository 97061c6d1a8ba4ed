// Sessions that a client may resume, by the host that gave them.

private import COpenSSL
import Synchronization

/// Bounded; from any thread. A session is used once, as RFC 8446 appendix C.4 asks: each connection brings another.
@safe final class TLSSessionCache: Sendable {
    static let maxHosts = 256
    /// For connections that are opened side by side.
    static let maxSessionsAHost = 4

    /// Addresses of sessions, each with one reference that is ours.
    private let sessions = Mutex<[String: [UInt]]>([:])

    deinit {
        sessions.withLock { sessions in
            for kept in sessions.values { for session in kept { Self.drop(session) } }
        }
    }

    /// Takes over a reference to `session`.
    func keep(_ session: OpaquePointer, of host: String) {
        let dropped = sessions.withLock { sessions -> UInt? in
            if sessions[host] == nil, sessions.count >= Self.maxHosts { return UInt(bitPattern: session) }
            sessions[host, default: []].append(UInt(bitPattern: session))
            guard let kept = sessions[host], kept.count > Self.maxSessionsAHost else { return nil }
            return sessions[host]?.removeFirst()
        }
        if let dropped { Self.drop(dropped) }
    }

    /// Lets `connection` try the newest session of `host`.
    func resume(_ host: String, on connection: OpaquePointer) {
        guard let session = sessions.withLock({ $0[host]?.popLast() }) else { return }
        // A session that does not fit any more is not used, and the handshake is a full one.
        _ = unsafe SSL_set_session(connection, OpaquePointer(bitPattern: session))
        Self.drop(session)
    }

    private static func drop(_ session: UInt) { unsafe SSL_SESSION_free(OpaquePointer(bitPattern: session)) }
}
