// Whether a source of a snapshot is fast enough to stay with. Pure.

import ClusterModel

/// Bytes against the time that this side waited for them. A source that gives a byte at a time would otherwise hold a bootstrap
/// for ever, while another member could give it at once.
struct SourcePace: Hashable, Sendable {
    /// Nothing is judged before so much was waited for.
    static let patience: Duration = .seconds(20)
    /// Below it a source is left.
    static let leastBytesPerSecond: UInt64 = 4 << 10

    private var bytes: UInt64 = 0
    private var waited: Duration = .zero

    /// Throws `.tooSlow`.
    mutating func note(_ count: Int, in time: Duration) throws(MirrorError) {
        bytes = bytes.adding(clamping: UInt64(clamping: count))
        waited += max(.zero, time)
        guard waited >= Self.patience else { return }
        let seconds = max(1, UInt64(clamping: waited.components.seconds))
        guard bytes / seconds < Self.leastBytesPerSecond else { return }
        throw MirrorError(.tooSlow, "\(bytes) bytes of a snapshot in \(seconds) s")
    }
}
