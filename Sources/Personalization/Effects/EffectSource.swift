// What a subscription reads from: the shards' live effects, and the logs below them.

package import ClusterModel
package import EventLog
package import NodeEnvironment
import Synchronization

/// Where a reader finds a partition's live effects, and what its shard knows to be agreed.
package struct EffectAttachment: Sendable {
    package var feed: EffectFeed
    package var known: KnownEnds

    package init(feed: EffectFeed, known: KnownEnds) {
        self.feed = feed
        self.known = known
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
    /// One whose reader has taken nothing for so long gives way to another reader's.
    package static let replayPatience: Duration = .seconds(5)
    /// Bytes of a log read at once.
    static let stepBytes = 1 << 20

    package let shards: any EffectRouting
    package let log: any EventLogEngine
    package let settings: EffectSettings
    package let clock: any NodeClock
    let disk: any DedicatedExecutor
    /// Timers run here.
    let alarms: any NodeExecutor

    private struct Running {
        let replay: EffectReplay
        var usedAt: BootInstant
        var isStepping = false
    }

    private struct Replays {
        /// At most `maxReplays`.
        var running: [Running] = []
        var begun: UInt64 = 0
        var revoked: UInt64 = 0
    }

    private let replays = Mutex(Replays())

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
    package var replaysBegun: UInt64 { replays.withLock(\.begun) }
    package var replaysRunning: Int { replays.withLock(\.running.count) }
    /// Since the start: replays taken from readers that were too slow.
    package var replaysRevoked: UInt64 { replays.withLock(\.revoked) }

    /// Whether there is room for it, if need be in place of one whose reader has not moved for `replayPatience`: slow
    /// readers do not keep others from the log. Whoever had that one begins again where it stands.
    func admit(_ replay: EffectReplay) -> Bool {
        let now = clock.bootTime()
        let (isAdmitted, revoked) = replays.withLock { replays -> (Bool, EffectReplay?) in
            var revoked: EffectReplay?
            if replays.running.count >= Self.maxReplays {
                let idle = replays.running.indices.filter { !replays.running[$0].isStepping }
                guard let oldest = idle.min(by: { replays.running[$0].usedAt < replays.running[$1].usedAt }),
                    now.since(replays.running[oldest].usedAt) >= Self.replayPatience
                else { return (false, nil) }
                revoked = replays.running.remove(at: oldest).replay
                replays.revoked += 1
            }
            replays.running.append(Running(replay: replay, usedAt: now))
            replays.begun += 1
            return (true, revoked)
        }
        revoked?.discard()
        return isAdmitted
    }

    /// Harmless for one that was revoked.
    func onReplayOver(_ replay: EffectReplay) {
        replays.withLock { $0.running.removeAll { $0.replay === replay } }
    }

    /// Its reader goes on.
    func onUse(of replay: EffectReplay) { setStepping(false, of: replay) }

    /// False: it was revoked.
    @discardableResult
    private func setStepping(_ isStepping: Bool, of replay: EffectReplay) -> Bool {
        let now = clock.bootTime()
        return replays.withLock { replays in
            guard let place = replays.running.firstIndex(where: { $0.replay === replay }) else { return false }
            replays.running[place].isStepping = isStepping
            replays.running[place].usedAt = now
            return true
        }
    }

    /// Runs what reads logs or blocks otherwise, after the steps that were asked for before.
    package func onDisk(_ work: @escaping @Sendable () -> Void) { disk.execute(work) }

    /// One step of a replay, on the disk's thread. Nil: it was revoked.
    func step(_ replay: EffectReplay) async throws(EffectFailure) -> EffectReplay.Step? {
        guard setStepping(true, of: replay) else { return nil }
        defer { setStepping(false, of: replay) }
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
