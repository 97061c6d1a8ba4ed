// What a subscription reads from: the shards' live effects, and the logs below them.

package import ClusterModel
package import EventLog
package import NodeEnvironment
import Synchronization

/// Where a reader finds a partition's live effects, and the ends that its shard knows to be agreed.
package struct EffectAttachment: Sendable {
    package var feed: EffectFeed
    package var ends: [AgreedEnds]

    package init(feed: EffectFeed, ends: [AgreedEnds]) {
        self.feed = feed
        self.ends = ends
    }
}

/// The shards of a node, as readers of effects see them.
package protocol EffectRouting: Sendable {
    var partitions: PartitionCount { get }

    /// From now on the shard tells its effects and wakes `reader`. May be asked again; one turn of the shard's loop.
    func attach(_ reader: EffectReader, to partition: PartitionID) async -> EffectAttachment
}

/// One a node.
package final class EffectSource: Sendable {
    /// Replays of the node at one time: each keeps an index of ids.
    package static let maxReplays = 16
    /// Bytes of a log read at once.
    static let stepBytes = 1 << 20

    package let shards: any EffectRouting
    package let log: any EventLogEngine
    package let settings: EffectSettings
    package let clock: any NodeClock
    let disk: any DedicatedExecutor
    /// Timers run here.
    let alarms: any NodeExecutor
    private let replays = Atomic<Int>(0)
    private let begunReplays = Atomic<UInt64>(0)

    /// `disk` runs the reads of all replays, one after the other.
    package init(
        shards: any EffectRouting, log: any EventLogEngine, settings: EffectSettings, disk: any DedicatedExecutor,
        alarms: any NodeExecutor, clock: any NodeClock
    ) {
        self.alarms = alarms
        self.shards = shards
        self.log = log
        self.settings = settings
        self.disk = disk
        self.clock = clock
    }

    /// Since the start: how often readers were behind the live effects.
    package var replaysBegun: UInt64 { begunReplays.load(ordering: .relaxed) }
    package var replaysRunning: Int { replays.load(ordering: .relaxed) }

    func admitReplay() -> Bool {
        guard replays.add(1, ordering: .relaxed).newValue <= Self.maxReplays else {
            replays.subtract(1, ordering: .relaxed)
            return false
        }
        begunReplays.add(1, ordering: .relaxed)
        return true
    }

    func onReplayOver() { replays.subtract(1, ordering: .relaxed) }

    /// Runs what reads logs or blocks otherwise, after the steps that were asked for before.
    package func onDisk(_ work: @escaping @Sendable () -> Void) { disk.execute(work) }

    /// One step of a replay, on the disk's thread.
    func step(_ replay: EffectReplay) async throws(EffectFailure) -> EffectReplay.Step {
        do {
            return try await disk.run { [log] () throws(EffectFailure) in
                try replay.step(from: log, maxBytes: Self.stepBytes)
            }
        } catch let failure as EffectFailure {
            throw failure
        } catch {
            throw .unreadable("\(error)")
        }
    }
}
