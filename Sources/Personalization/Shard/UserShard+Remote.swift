// Reports at durability `remote(k)`: they wait for other regions' cursors, and not beyond their deadlines (S11).

package import ClusterModel
import Distributed
import NodeEnvironment

/// When the shard looks next for calls that have waited long enough.
struct RemoteAlarm {
    /// How long before its deadline a call is answered, so that the answer with what was reached leaves before the
    /// transport's own, which knows nothing.
    static let margin: Duration = .milliseconds(5)
    /// How long a call without a deadline waits.
    static let patience: Duration = .seconds(60)
    /// Alarms are at least so far apart, whatever deadlines calls have.
    static let pause: Duration = .milliseconds(1)

    var armedAt: BootInstant?

    /// When a call that came at `now` is answered at the latest. A call in haste keeps three quarters of its time.
    static func limit(of deadline: BootInstant?, at now: BootInstant) -> BootInstant {
        guard let deadline else { return now.advanced(by: patience) }
        let left = max(.zero, deadline.since(now))
        return now.advanced(by: left - min(margin, left / 4))
    }
}

extension UserShard {
    /// Waits until so many other regions hold the log from `first` on below `through`.
    func waitForRegions(
        _ regions: Int, from first: Offset, through: Offset, deadline: BootInstant?,
        _ onReached: @escaping RemoteWaiter
    ) {
        let reached = core.remote.regions(holding: through, from: first)
        guard reached < regions else { return onReached(.success(reached)) }
        let limit = RemoteAlarm.limit(of: deadline, at: shell.clock.bootTime())
        core.remote.wait(through: through, from: first, regions: regions, until: limit, onReached)
        arm(at: limit)
    }

    /// S11: another region has flushed these records of `log`, by a cursor whose digest was checked. Nobody waits for older
    /// incarnations any more.
    package func onCursor(of region: RegionNumber, in log: LogIdentity, holding held: Range<Offset>) {
        guard log == core.appender.log, region != log.name.region else { return }
        for (answer, reached) in core.remote.onCursor(of: region, from: held.lowerBound, at: held.upperBound) {
            answer(.success(reached))
        }
    }

    private func arm(at instant: BootInstant) {
        if let armedAt = remoteAlarm.armedAt, armedAt <= instant { return }
        remoteAlarm.armedAt = instant
        // An alarm that a nearer one has overtaken finds nothing to do: it is not worth a handle.
        _ = shell.executor.schedule(at: instant) { [self] in assumeIsolated { $0.onAlarm(of: instant) } }
    }

    private func onAlarm(of instant: BootInstant) {
        guard remoteAlarm.armedAt == instant else { return }
        remoteAlarm.armedAt = nil
        let now = shell.clock.bootTime()
        for (answer, reached) in core.remote.expire(at: now) { answer(.failure(.remoteNotReached(reached: reached))) }
        guard let next = core.remote.earliestDeadline else { return }
        arm(at: max(next, now.advanced(by: RemoteAlarm.pause)))
    }
}
