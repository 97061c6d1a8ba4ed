// One subscription: partitions side by side, each from its own position, as fast as its reader takes them.

package import ClusterModel
import EventLog
import NodeEnvironment

/// Reads effects for one consumer. Belongs to one task. Between two calls of `next` it holds one window of at most two
/// deliveries, or what one step of a replay has read, and does nothing: a consumer that is slow costs the shards and other
/// consumers nothing, and goes to the log once the live effects have overtaken it. Call `end` when done.
package struct EffectSubscription {
    /// Where a partition begins that no position is given for.
    package enum Start: Hashable, Sendable {
        /// With what is applied from now on.
        case latest
        /// With the oldest that the logs still have.
        case earliest
    }

    /// What becomes of a partition whose next records were trimmed.
    package enum Trimmed: Hashable, Sendable {
        /// The subscription ends with EffectFailure `.trimmed`.
        case refused
        /// It goes on with the oldest that is there, and names the partition in `takeSkipped`.
        case skipped
    }

    /// Bounds of one delivery.
    package static let maxEffects = 512
    package static let maxBytes = 256 << 10
    /// Steps that one partition's replay may take while another waits.
    private static let stepsInARow = 256
    private static let permitPause: Duration = .milliseconds(50)

    private let source: EffectSource
    private let trimmed: Trimmed
    private var skipped: Set<PartitionID> = []
    private let reader = EffectReader()
    private var signals: AsyncStream<Void>.Iterator
    private var lanes: [EffectLane] = []
    private var feeds: [EffectFeed] = []
    /// The lane that is looked at first: they take turns.
    private var turn = 0
    private var replaying: Int?
    private var stepsTaken = 0
    /// Live effects went out since a replay moved: where they never end, those that read the log have their turn too.
    private var owesStep = false

    package init(_ source: EffectSource, trimmed: Trimmed = .refused) {
        self.source = source
        self.trimmed = trimmed
        signals = reader.signals.makeAsyncIterator()
    }

    /// Where the consumer goes on after everything that `next` gave.
    package var positions: [PartitionID: EffectPosition] {
        Dictionary(uniqueKeysWithValues: lanes.map { ($0.partition, $0.position) })
    }

    /// Partitions that went on behind what is trimmed since this was asked last, ascending.
    package mutating func takeSkipped() -> [PartitionID] {
        defer { skipped = [] }
        return skipped.sorted()
    }

    /// Bytes of effects that were read and not handed out yet.
    var heldBytes: Int { lanes.reduce(0) { $0 + $1.heldBytes } }

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
                        partition, attachment.feed,
                        at: EffectHorizon(of: partition, in: source.log, knowing: attachment.known).oldest))
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
            if owesStep, !lanes.contains(where: { !$0.isLive && !$0.isEmpty }) {
                owesStep = false
                _ = try await replaySome()
            }
            let effects = try readLive()
            if !effects.isEmpty {
                owesStep = true
                return effects
            }
            switch try await replaySome() {
            case .moved: continue
            case .refused:
                let now = source.clock.bootTime()
                guard now < deadline else { return [] }
                try await sleep(until: min(deadline, now.advanced(by: Self.permitPause)))
            case .idle:
                guard source.clock.bootTime() < deadline else { return [] }
                try await sleep(until: deadline)
            }
        }
    }

    /// Lets go of everything. The subscription is of no use any more.
    package mutating func end() {
        for feed in feeds { feed.detach(reader) }
        for lane in lanes { lane.replay.map(source.onReplayOver) }
        (feeds, lanes) = ([], [])
    }

    // MARK: Reading

    private mutating func readLive() throws(EffectFailure) -> [Effect] {
        var effects: [Effect] = []
        var budget = EffectBudget(effects: Self.maxEffects, bytes: Self.maxBytes)
        // What earlier ones left over goes first: never more than one live lane keeps any, and one that reads the log.
        for place in lanes.indices where !lanes[place].isEmpty { lanes[place].give(to: &effects, &budget) }
        for step in lanes.indices {
            guard !budget.isSpent else { return effects }
            let place = (turn + step) % lanes.count
            try readLive(place, maxBytes: budget.bytes)
            lanes[place].give(to: &effects, &budget)
            if budget.isSpent { turn = place + 1 }
        }
        return effects
    }

    private mutating func readLive(_ place: Int, maxBytes: Int) throws(EffectFailure) {
        guard lanes[place].isLive else { return }
        let replay = lanes[place].replay
        try lanes[place].readLive(maxBytes: maxBytes)
        guard let replay else { return }
        if lanes[place].replay == nil { source.onReplayOver(replay) } else { source.onUse(of: replay) }
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
        guard let replay = try await replay(of: place) else { return .refused }
        let step: EffectReplay.Step
        do throws(EffectFailure) {
            guard let taken = try await source.step(replay) else {
                // Another reader has its place: this one asks for a new one.
                lanes[place].replay = nil
                return .moved
            }
            step = taken
        } catch {
            guard trimmed == .skipped, case .trimmed(_, let oldest) = error else { throw error }
            skip(place, to: oldest)
            return .moved
        }
        lanes[place].take(step.items)
        guard step.isAtEnd else { return .moved }
        guard lanes[place].enter() else {
            // What was agreed on since it began, and has left, may be what it waits for.
            let attachment = await source.shards.attach(reader, to: lanes[place].partition)
            return replay.learn(attachment.known) ? .moved : .idle
        }
        if lanes[place].replay == nil { source.onReplayOver(replay) }
        return .moved
    }

    /// An empty lane goes on behind what is trimmed.
    private mutating func skip(_ place: Int, to oldest: EffectPosition) {
        lanes[place].replay.map(source.onReplayOver)
        let (partition, feed) = (lanes[place].partition, lanes[place].feed)
        lanes[place] = EffectLane(partition, feed, at: oldest)
        skipped.insert(partition)
    }

    /// Nil: there is no room for another one now.
    private mutating func replay(of place: Int) async throws(EffectFailure) -> EffectReplay? {
        if let replay = lanes[place].replay { return replay }
        let attachment = await source.shards.attach(reader, to: lanes[place].partition)
        let replay = EffectReplay(
            lanes[place].partition, at: lanes[place].replayPosition, knowing: attachment.known,
            settings: source.settings)
        guard source.admit(replay) else { return nil }
        lanes[place].replay = replay
        return replay
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
