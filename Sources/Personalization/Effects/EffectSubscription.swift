// One subscription: partitions side by side, each from its own position, as fast as its reader takes them.

package import ClusterModel
import EventLog
import NodeEnvironment

/// Reads effects for one consumer. Belongs to one task. Between two calls of `next` it holds one window a partition at most
/// and does nothing: a consumer that is slow costs the shards and other consumers nothing, and goes to the log once the
/// live effects have overtaken it. Call `end` when done.
package struct EffectSubscription {
    /// Where a partition begins that no position is given for.
    package enum Start: Hashable, Sendable {
        /// With what is applied from now on.
        case latest
        /// With the oldest that the logs still have.
        case earliest
    }

    /// Bounds of one delivery.
    package static let maxEffects = 512
    package static let maxBytes = 256 << 10
    /// Steps that one partition's replay may take while another waits.
    private static let stepsInARow = 256
    private static let permitPause: Duration = .milliseconds(50)

    private let source: EffectSource
    private let reader = EffectReader()
    private var signals: AsyncStream<Void>.Iterator
    private var lanes: [EffectLane] = []
    private var feeds: [EffectFeed] = []
    /// The lane that is looked at first: they take turns.
    private var turn = 0
    private var replaying: Int?
    private var stepsTaken = 0

    package init(_ source: EffectSource) {
        self.source = source
        signals = reader.signals.makeAsyncIterator()
    }

    /// Where the consumer goes on after everything that `next` gave.
    package var positions: [PartitionID: EffectPosition] {
        Dictionary(uniqueKeysWithValues: lanes.map { ($0.partition, $0.position) })
    }

    /// Attaches to the shards of `partitions`, ascending. Returns once the position of each is known.
    package mutating func begin(
        _ partitions: [PartitionID], from positions: [PartitionID: EffectPosition], else start: Start
    ) async throws(EffectFailure) {
        for partition in partitions {
            let attachment = await source.shards.attach(reader, to: partition)
            feeds.append(attachment.feed)
            if let position = positions[partition] {
                lanes.append(EffectLane(partition, attachment.feed, at: position))
            } else if start == .earliest {
                lanes.append(
                    EffectLane(
                        partition, attachment.feed, at: EffectReplay.oldest(of: partition, in: source.log)))
            } else {
                lanes.append(try await newest(of: partition, attachment.feed))
            }
        }
    }

    private mutating func newest(
        of partition: PartitionID, _ feed: EffectFeed
    ) async throws(EffectFailure) -> EffectLane {
        while true {
            if let reason = feed.failure { throw .logFenced(reason) }
            if let newest = feed.newest() {
                var lane = EffectLane(partition, feed, at: newest.position)
                lane.begin(at: newest.place)
                return lane
            }
            try await sleep()
        }
    }

    /// The next effects; none where `patience` passes without any: the positions may have moved all the same.
    package mutating func next(within patience: Duration) async throws(EffectFailure) -> [Effect] {
        let deadline = source.clock.bootTime().advanced(by: patience)
        while true {
            if Task.isCancelled { throw .cancelled }
            let effects = try readLive()
            if !effects.isEmpty { return effects }
            switch try await replaySome() {
            case .moved: continue
            case .refused: try await sleep(until: source.clock.bootTime().advanced(by: Self.permitPause))
            case .idle:
                guard source.clock.bootTime() < deadline else { return [] }
                try await sleep(until: deadline)
            }
        }
    }

    /// Lets go of everything. The subscription is of no use any more.
    package mutating func end() {
        for feed in feeds { feed.detach(reader) }
        for lane in lanes where lane.replay != nil { source.onReplayOver() }
        (feeds, lanes) = ([], [])
    }

    // MARK: Reading

    private mutating func readLive() throws(EffectFailure) -> [Effect] {
        var effects: [Effect] = []
        var budget = EffectBudget(effects: Self.maxEffects, bytes: Self.maxBytes)
        for step in lanes.indices {
            let place = (turn + step) % lanes.count
            try lanes[place].readLive()
            lanes[place].give(to: &effects, &budget)
            guard !budget.isSpent else {
                turn = place + 1
                return effects
            }
        }
        return effects
    }

    private enum Replayed { case moved, refused, idle }

    /// One step of one lane that has to read the log. Only one lane at a time does, and others take their turn.
    private mutating func replaySome() async throws(EffectFailure) -> Replayed {
        for place in lanes.indices where !lanes[place].isLive && lanes[place].isEmpty {
            _ = lanes[place].resume()
        }
        let apart = lanes.indices.filter { !lanes[$0].isLive && lanes[$0].isEmpty }
        guard let first = apart.first else { return .idle }
        let begin = apart.first { $0 >= (replaying ?? first) } ?? first
        guard let start = apart.firstIndex(of: begin) else { return .idle }
        for place in apart[start...] + apart[..<start] {
            switch try await step(place) {
            case .moved:
                stepsTaken = replaying == place ? stepsTaken + 1 : 0
                replaying = stepsTaken < Self.stepsInARow ? place : place + 1
                return .moved
            case .refused: return .refused
            case .idle: continue
            }
        }
        return .idle
    }

    private mutating func step(_ place: Int) async throws(EffectFailure) -> Replayed {
        if let reason = lanes[place].feed.failure { throw .logFenced(reason) }
        if lanes[place].replay == nil {
            guard source.admitReplay() else { return .refused }
            let attachment = await source.shards.attach(reader, to: lanes[place].partition)
            lanes[place].replay = EffectReplay(
                lanes[place].partition, at: lanes[place].replayPosition, knowing: attachment.ends,
                settings: source.settings)
        }
        guard let replay = lanes[place].replay else { return .idle }
        let step = try await source.step(replay)
        lanes[place].take(step.items)
        guard step.isAtEnd else { return .moved }
        guard lanes[place].enter() else { return .idle }
        finishReplay(of: place)
        return .moved
    }

    private mutating func finishReplay(of place: Int) {
        guard lanes[place].replay != nil else { return }
        lanes[place].replay = nil
        source.onReplayOver()
    }

    // MARK: Waiting

    private mutating func sleep(until deadline: BootInstant? = nil) async throws(EffectFailure) {
        let alarm = deadline.map { deadline in
            source.alarms.schedule(at: deadline) { [reader] in reader.wake() }
        }
        let signal: Void? = await signals.next(isolation: #isolation)
        alarm?.cancel()
        if signal == nil || Task.isCancelled { throw .cancelled }
    }
}
