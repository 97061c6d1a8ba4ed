// The real clocks of this machine.

private import CKernelClock
package import ClusterModel
import Glibc
import NodeEnvironment

/// CLOCK_REALTIME, CLOCK_BOOTTIME and the kernel's word on their discipline. Stateless.
package struct HostClock: NodeClock {
    package init() {}

    package func wallTime() -> WallTime {
        let now = Self.read(CLOCK_REALTIME)
        return WallTime(milliseconds: UInt64(max(0, now.tv_sec)) * 1_000 + UInt64(now.tv_nsec) / 1_000_000)
    }

    package func bootTime() -> BootInstant {
        let now = Self.read(CLOCK_BOOTTIME)
        return BootInstant(nanoseconds: UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec))
    }

    package func isSynchronised() -> Bool {
        meridian_clock_is_synchronised() == 1
    }

    package func sleep(until instant: BootInstant) async throws {
        let wait = instant.since(bootTime())
        if wait > .zero { try await Task.sleep(for: wait, clock: .continuous) }
    }

    private static func read(_ clock: clockid_t) -> timespec {
        var now = timespec()
        // Cannot fail: the clock is known and the pointer is ours.
        _ = unsafe clock_gettime(clock, &now)
        return now
    }
}

/// The kernel's random bits, by the standard library.
package struct HostEntropy: EntropySource {
    package init() {}

    package func next() -> UInt64 {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }
}
