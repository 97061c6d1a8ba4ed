// Whether this node may stamp records now (S2), and whether it writes at all yet (S1b): one switch for all of its logs.

package import ClusterModel
package import NodeEnvironment
import Synchronization

/// Closed while the clock guard refuses: then no record of users, of content or of time is appended. Thread-safe.
///
/// The guard looks every so often; a clock may jump in between. So every stamp is held against elapsed time since the
/// guard's last look as well.
///
/// An ends record is appended all the same: it needs no clock, only a stamp above the last one of its line.
package final class StampGate: Sendable {
    private let closed = Atomic(false)
    /// Wall clock less elapsed time, milliseconds, as the guard believed at its last look.
    private let difference = Atomic(StampGate.unknown)
    /// D, milliseconds.
    private let tolerance = Atomic<Int64>(0)

    /// Why nothing may be written yet although the clock may be right.
    private let held = Mutex<String?>(nil)
    private let isHeld = Atomic(false)

    private static let unknown = Int64.min

    package init() {}

    /// One atomic load.
    package var isOpen: Bool { !closed.load(ordering: .relaxed) }

    package func close() { closed.store(true, ordering: .relaxed) }

    package func open() { closed.store(false, ordering: .relaxed) }

    /// A start has opened no incarnation yet (S1b): until `release` nothing of users is appended.
    package func hold(because reason: String) {
        held.withLock { $0 = reason }
        isHeld.store(true, ordering: .releasing)
    }

    package func release() {
        isHeld.store(false, ordering: .releasing)
        held.withLock { $0 = nil }
    }

    /// The time to stamp what doors take; nil while there is no such time, or the node writes nothing yet.
    func doorTime(of clock: any NodeClock) -> WallTime? { isHeld.load(ordering: .acquiring) ? nil : time(of: clock) }

    /// Why `doorTime` is nil.
    var refusal: ShardError { held.withLock(\.self).map { .startsUnsettled($0) } ?? .clockUntrusted }

    /// The guard believes that the wall clock shows `wall` at `boot`, give or take D, which is `maxDrift`.
    package func vouch(wall: WallTime, boot: BootInstant, maxDrift: Duration) {
        tolerance.store(maxDrift.signedMilliseconds, ordering: .relaxed)
        difference.store(Self.difference(wall, boot), ordering: .relaxed)
    }

    /// The time to stamp records with; nil while this node must not stamp.
    package func time(of clock: any NodeClock) -> WallTime? {
        guard isOpen else { return nil }
        let wall = clock.wallTime()
        let known = difference.load(ordering: .relaxed)
        guard known != Self.unknown else { return wall }
        let moved = Self.difference(wall, clock.bootTime()).subtracting(clamping: known)
        return moved.magnitude <= tolerance.load(ordering: .relaxed).magnitude ? wall : nil
    }

    private static func difference(_ wall: WallTime, _ boot: BootInstant) -> Int64 {
        Int64(clamping: wall.milliseconds) - Int64(clamping: boot.nanoseconds / 1_000_000)
    }
}
