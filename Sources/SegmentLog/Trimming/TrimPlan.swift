// Which segments may go. Pure: no files, no clock.

package import ClusterModel

/// What a sealed segment holds, as far as trimming is concerned.
package struct SegmentContents: Hashable, Sendable {
    package struct Part: Hashable, Sendable {
        /// The end of the log's last batch in the segment.
        package var end: Offset
        package var lastStamp: HybridStamp

        package init(end: Offset, lastStamp: HybridStamp) {
            self.end = end
            self.lastStamp = lastStamp
        }
    }

    package var generation: UInt64
    package var bytes: UInt64
    package var parts: [LogIdentity: Part]
    /// When its newest record was stamped, those of logs that are settled and dropped included (S1b): only retention keeps
    /// these.
    package let newest: WallTime
    /// When its oldest record was stamped, as far as it can be read.
    package var oldest: WallTime?

    /// `dropped`: the newest stamp of logs that are not among `parts`.
    package init(
        generation: UInt64, bytes: UInt64, parts: [LogIdentity: Part], dropped: HybridStamp = .zero,
        oldest: WallTime? = nil
    ) {
        self.oldest = oldest
        self.generation = generation
        self.bytes = bytes
        self.parts = parts
        newest = max(parts.values.map(\.lastStamp).max() ?? .zero, dropped).wallTime
    }
}

/// Judges segments from the oldest on: logs lose whole prefixes only (S8), so that the first that stays ends the round. A
/// segment holds batches of all logs and goes only when each of them may.
package struct TrimPlan: Sendable {
    private let inputs: TrimInputs
    /// Bytes of the segments that have not gone.
    private var rest: UInt64
    /// Generations that may go, in order.
    package private(set) var going: [UInt64] = []
    /// Why the first that stays does; nil while none does.
    package private(set) var hold: TrimHold?
    /// Pins that were passed over, because the journal had grown beyond `pinMaxBytes`.
    package private(set) var brokenPins: Set<String> = []

    /// `journalBytes`: of all segments, those in use included.
    package init(_ inputs: TrimInputs, journalBytes: UInt64) {
        self.inputs = inputs
        rest = journalBytes
    }

    /// Whether the next segment, in order, may go. Complexity: O(logs in it x pins).
    package mutating func take(_ segment: SegmentContents) -> Bool {
        guard hold == nil else { return false }
        if let found = retained(segment) ?? floor(under: segment) ?? pin(on: segment) {
            hold = found
            return false
        }
        going.append(segment.generation)
        rest -= min(rest, segment.bytes)
        return true
    }

    private func retained(_ segment: SegmentContents) -> TrimHold? {
        let isOld = segment.newest.advanced(by: inputs.retention) < inputs.now
        return isOld || rest > inputs.retentionBytes ? nil : .retention
    }

    private func floor(under segment: SegmentContents) -> TrimHold? {
        for (log, part) in segment.parts.sorted(by: { $0.key < $1.key }) {
            guard let floor = inputs.floors[log] else { return .notFolded(log) }
            if floor.snapshot < part.end { return .snapshot(log) }
            if floor.forgettable <= part.lastStamp { return .ids(log) }
            if floor.members < part.end { return .member(floor.slowest ?? log.name.region, log) }
        }
        return nil
    }

    private mutating func pin(on segment: SegmentContents) -> TrimHold? {
        for pin in inputs.pins where isPinned(segment, by: pin) {
            if rest <= inputs.pinMaxBytes { return .pin(pin.name) }
            brokenPins.insert(pin.name)
        }
        return nil
    }

    private func isPinned(_ segment: SegmentContents, by pin: TrimPin) -> Bool {
        segment.parts.contains { log, part in pin.next[log].map { $0 < part.end } ?? false }
    }
}
