// A connection's share of flow control for streams: a pure value.

/// Grants the connection's window back as soon as bytes arrive, so that a stream that nobody reads does not hold up the
/// others (its own window bounds it); but only while the unread bytes of all streams together are below a limit.
struct ConnectionCredit: Hashable, Sendable {
    let limit: Int
    private(set) var unreadBytes = 0
    private var heldBack = 0

    init(limit: Int) { self.limit = limit }

    /// Bytes of a stream arrived. How many the peer may send instead of them.
    mutating func onReceived(_ count: Int) -> Int {
        unreadBytes += count
        guard unreadBytes > limit else { return count }
        heldBack += count
        return 0
    }

    /// A reader took bytes, or its stream is gone. How many more the peer may send.
    mutating func onTaken(_ count: Int) -> Int {
        unreadBytes -= count
        guard unreadBytes <= limit else { return 0 }
        defer { heldBack = 0 }
        return heldBack
    }
}
