// How long writes have been waiting for the disk: by the oldest of them, without a list of them.

package import ClusterModel
import Synchronization

/// Counts writes under way by when they began, in slots of a ring. From any thread, without a lock: one compare-and-swap
/// when a write begins and one when it ends. A write that is never ended is forgotten after a turn of the ring.
package final class FlushWaits: Sendable {
    private static let slots: UInt64 = 64
    /// Slots within the limit.
    private static let slotsInLimit: UInt64 = 16

    private let width: UInt64
    /// The turn in the upper half, the count in the lower.
    private let ring = InlineArray<64, Atomic<UInt64>> { _ in Atomic(0) }

    /// `limit`: what is overdue. Ages are known to a sixteenth of it, up to four times as long.
    package init(limit: Duration) { width = max(1, UInt64(max(0, limit.signedNanoseconds)) / Self.slotsInLimit) }

    /// A write begins to wait.
    package func begin(at now: BootInstant) {
        let number = now.nanoseconds / width
        let turn = Self.turn(of: number)
        change(number) { $0 & ~0xffff_ffff == turn ? $0 &+ 1 : turn | 1 }
    }

    /// A write that began at `start` has what it waited for, or has failed.
    package func end(since start: BootInstant) {
        let number = start.nanoseconds / width
        let turn = Self.turn(of: number)
        change(number) { $0 & ~0xffff_ffff == turn && $0 & 0xffff_ffff > 0 ? $0 - 1 : $0 }
    }

    /// Whether a write waits for longer than the limit. Complexity: the slots of the ring.
    package func isOverdue(at now: BootInstant) -> Bool {
        let number = now.nanoseconds / width
        guard number > Self.slotsInLimit else { return false }
        return oldest(upTo: number - Self.slotsInLimit - 1, at: number) != nil
    }

    /// How long the oldest write has been waiting; zero when none is.
    package func oldestAge(at now: BootInstant) -> Duration {
        let number = now.nanoseconds / width
        guard let oldest = oldest(upTo: number, at: number) else { return .zero }
        return now.since(BootInstant(nanoseconds: oldest * width))
    }

    private func oldest(upTo last: UInt64, at number: UInt64) -> UInt64? {
        var slot = number >= Self.slots ? number - Self.slots + 1 : 0
        while slot <= last {
            let value = ring[Int(slot % Self.slots)].load(ordering: .relaxed)
            if value & ~0xffff_ffff == Self.turn(of: slot), value & 0xffff_ffff > 0 { return slot }
            slot += 1
        }
        return nil
    }

    private static func turn(of number: UInt64) -> UInt64 { (number / slots) << 32 }

    private func change(_ number: UInt64, _ body: (UInt64) -> UInt64) {
        let place = Int(number % Self.slots)
        var value = ring[place].load(ordering: .relaxed)
        while true {
            let next = body(value)
            guard next != value else { return }
            let (exchanged, original) = ring[place].compareExchange(
                expected: value, desired: next, ordering: .relaxed)
            if exchanged { return }
            value = original
        }
    }
}
