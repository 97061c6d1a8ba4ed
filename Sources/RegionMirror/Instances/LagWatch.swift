// Logs that stand still although their origin goes on, and origins that are connected and say nothing. Pure.

package import ClusterModel

/// Looked at once in a while, whatever pulls come and go: a link that is up, a lag that reads zero and a log that nobody
/// asks for look alike from inside a pull. One entry a log that is behind, and one an origin.
package struct LagWatch: Sendable {
    /// What an origin said of one of its logs, and what is flushed of it here.
    package struct Reading: Hashable, Sendable {
        package var log: LogIdentity
        /// Up to where it may be had: the origin's end, or an agreed one below it.
        package var end: Offset
        package var held: Offset
        package var stamp: HybridStamp

        package init(log: LogIdentity, end: Offset, held: Offset, stamp: HybridStamp) {
            self.log = log
            self.end = end
            self.held = held
            self.stamp = stamp
        }
    }

    private struct Behind: Sendable {
        var held: Offset
        var end: Offset
        /// When something of it came last, or when it began to be behind.
        var since: BootInstant
        /// The origin wrote more of it meanwhile.
        var isMoving = false
    }

    private struct Origin: Sendable {
        var newest: HybridStamp
        var since: BootInstant
        var logs: [LogIdentity: Behind] = [:]
    }

    private var origins: [RegionNumber: Origin] = [:]

    package init() {}

    /// All logs of a connected origin. Complexity: O(readings).
    package mutating func onLook(at region: RegionNumber, _ readings: [Reading], now: BootInstant) {
        let newest = readings.map(\.stamp).max() ?? .zero
        var origin = origins[region] ?? Origin(newest: newest, since: now)
        if newest > origin.newest { (origin.newest, origin.since) = (newest, now) }
        var logs: [LogIdentity: Behind] = [:]
        for reading in readings where reading.held < reading.end {
            guard var behind = origin.logs[reading.log], behind.held == reading.held else {
                logs[reading.log] = Behind(held: reading.held, end: reading.end, since: now)
                continue
            }
            behind.isMoving = behind.isMoving || reading.end > behind.end
            behind.end = max(behind.end, reading.end)
            logs[reading.log] = behind
        }
        origin.logs = logs
        origins[region] = origin
    }

    /// Its link is down: what it says next is compared with nothing.
    package mutating func onLost(_ region: RegionNumber) { origins[region] = nil }

    /// How long a connected origin has written nothing; nil for one that is not connected.
    package func silence(of region: RegionNumber, at now: BootInstant) -> Duration? {
        origins[region].map { now.since($0.since) }
    }

    /// Logs of which nothing came for at least `limit` while their origin went on, in their order.
    package func standing(
        of region: RegionNumber, for limit: Duration, at now: BootInstant
    ) -> [(log: LogIdentity, held: Offset, end: Offset, since: Duration)] {
        (origins[region]?.logs ?? [:]).filter { $0.value.isMoving && now.since($0.value.since) >= limit }
            .sorted { $0.key < $1.key }.map {
                (log: $0.key, held: $0.value.held, end: $0.value.end, since: now.since($0.value.since))
            }
    }
}
