// Stored copies that did not verify. Where another one does, it serves and nothing is lost; the disk is to be mistrusted.

import Synchronization

/// Counts them, and passes each one on to whoever tells people. May be called from any thread.
package final class FileDamage: Sendable {
    private let told: Mutex<UInt64>
    private let onDamage: @Sendable (String) -> Void

    /// `onDamage`: gets the path and what is wrong, for people; once for each copy that a start finds so.
    package init(onDamage: @escaping @Sendable (String) -> Void) {
        told = Mutex(0)
        self.onDamage = onDamage
    }

    /// Since the process began.
    package var count: UInt64 { told.withLock(\.self) }

    package func note(_ damage: String) {
        told.withLock { $0 = $0 == .max ? $0 : $0 + 1 }
        onDamage(damage)
    }
}
