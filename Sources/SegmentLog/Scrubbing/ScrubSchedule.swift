// What the scrubber verifies next, how fast, and how old what it verified is. Pure.

package import ClusterModel

/// Sealed segments in turn, forever: the one that was verified longest ago comes first. A value; its shell reads.
package struct ScrubSchedule: Sendable {
    /// While commits are under way the pause is this many times as long, at most `maxYields` times in a row: a journal that
    /// is never idle is scrubbed too.
    static let yieldFactor = 4
    static let maxYields = 8

    private let bytesPerSecond: UInt64
    /// When a segment was verified last; when it was first seen, before that.
    private var since: [UInt64: BootInstant] = [:]
    /// When its turn is: counted, since a clock may stand still between two steps.
    private var turns: [UInt64: UInt64] = [:]
    private var lastTurn: UInt64 = 0
    private var yields = 0
    package private(set) var bytes: UInt64 = 0
    package private(set) var segments: UInt64 = 0

    /// `bytesPerSecond`: above zero.
    package init(bytesPerSecond: UInt64) { self.bytesPerSecond = max(1, bytesPerSecond) }

    /// The next of the segments that are there; nil where there is none. Complexity: O(segments).
    package mutating func next(of sealed: [UInt64], at now: BootInstant) -> UInt64? {
        let there = Set(sealed)
        since = since.filter { there.contains($0.key) }
        turns = turns.filter { there.contains($0.key) }
        for generation in sealed where turns[generation] == nil {
            queue(generation)
            since[generation] = now
        }
        return turns.min { $0.value < $1.value }?.key
    }

    private mutating func queue(_ generation: UInt64) {
        lastTurn += 1
        turns[generation] = lastTurn
    }

    /// All of a segment was read, whatever was found in it.
    package mutating func onVerified(_ generation: UInt64, at now: BootInstant) {
        queue(generation)
        since[generation] = now
        segments += 1
    }

    /// A segment that could not be read is looked at again after all others, and grows older meanwhile.
    package mutating func onSkipped(_ generation: UInt64) { queue(generation) }

    /// How long to wait after so many bytes.
    package mutating func pause(after count: UInt64, isCommitting: Bool) -> Duration {
        bytes += count
        let pause = Duration.nanoseconds(Int64(Double(count) / Double(bytesPerSecond) * 1e9))
        guard isCommitting, yields < Self.maxYields else {
            yields = 0
            return pause
        }
        yields += 1
        return pause * Self.yieldFactor
    }

    /// How long ago the segment was verified, or first seen, that waits longest; zero without any.
    package func age(at now: BootInstant) -> Duration { oldest.map { now.since($0) } ?? .zero }

    /// When the segment was verified, or first seen, that waits longest; nil without any.
    package var oldest: BootInstant? { since.values.min() }
}
