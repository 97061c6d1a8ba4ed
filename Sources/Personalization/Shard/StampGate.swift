// Whether this node may stamp records now (S2): one switch for all of its logs.

import Synchronization

/// Closed while the clock guard refuses: then no record of users, of content or of time is appended. Thread-safe.
///
/// An ends record is appended all the same: it needs no clock, only a stamp above the last one of its line.
package final class StampGate: Sendable {
    private let closed = Atomic(false)

    package init() {}

    /// One atomic load.
    package var isOpen: Bool { !closed.load(ordering: .relaxed) }

    package func close() { closed.store(true, ordering: .relaxed) }

    package func open() { closed.store(false, ordering: .relaxed) }
}
