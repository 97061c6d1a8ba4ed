// Time, as the node sees it.

package import ClusterModel

/// The clocks of one machine. Safe to call from any thread; none of the readings suspends or allocates.
package protocol NodeClock: Sendable {
    /// The wall clock. May jump; only the hybrid clock's guard and event ids look at it.
    func wallTime() -> WallTime

    /// CLOCK_BOOTTIME. Timers, deadlines and leases use it.
    func bootTime() -> BootInstant

    /// Whether the kernel says that an outside source disciplines the wall clock (S2).
    func isSynchronised() -> Bool

    /// Returns at `instant` or later. Throws `CancellationError` when the task is cancelled before.
    func sleep(until instant: BootInstant) async throws
}

extension NodeClock {
    /// Sleeps for `duration` from now.
    package func sleep(for duration: Duration) async throws {
        try await sleep(until: bootTime().advanced(by: duration))
    }
}

/// Random bits. Safe to call from any thread.
package protocol EntropySource: Sendable {
    /// 64 uniform bits. Unpredictable to others in the real environment, a function of the seed in the simulated one.
    func next() -> UInt64
}

/// Lets an entropy source serve the standard library's generic algorithms.
package struct EntropyGenerator: RandomNumberGenerator {
    private let source: any EntropySource

    package init(_ source: any EntropySource) { self.source = source }

    package mutating func next() -> UInt64 { source.next() }
}

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): small seeded randomness for decisions that must replay from a seed, such
/// as exploration by request id. Not for secrets.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
