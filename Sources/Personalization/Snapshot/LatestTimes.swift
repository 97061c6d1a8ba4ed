// The latest time that anything in a state was made at: what is fetched from another member is held against the clock (S2).

package import ClusterModel
import EventLog
import MergeableState

extension OriginLines {
    /// Of stamps, and of starts.
    package var latestTime: WallTime {
        var latest = WallTime(milliseconds: 0)
        for line in lines.values {
            latest = max(latest, line.base.number.startedAt, line.chain?.tip.number.startedAt ?? latest)
            for item in line.progress {
                latest = max(latest, item.lastStamp.wallTime, item.incarnation.startedAt)
            }
        }
        return latest
    }
}

extension ShardState {
    /// Of its lines, of the ids that it remembers, and of everything that is ordered or bucketed by time: a register from the far
    /// future would stand for ever. Complexity: O(users).
    package var latestTime: WallTime {
        var latest = max(lines.latestTime, index.latestTime ?? WallTime(milliseconds: 0))
        let (newest, overflows) = popularity.newest.multipliedReportingOverflow(
            by: PopularityPartial.bucketMilliseconds)
        latest = max(latest, WallTime(milliseconds: overflows ? .max : newest))
        for user in rows.users {
            if let row = rows[user] { latest = max(latest, row.latestTime) }
        }
        return latest
    }
}

extension UserState {
    /// Complexity: O(what is held of the user).
    var latestTime: WallTime {
        let ids: [EventID?] = [
            language.order?.id, country.order?.id, deviceModel.order?.id, maxAgeRating.order?.id, consent.grant,
            actions.entries.map(\.order.id).max(), seen.entries.map(\.order.id).max(), consent.withdrawals.ids.max(),
            consent.cancelled.ids.max(),
        ]
        let buckets =
            categories.entries.map(\.sums.newestTime) + languages.entries.map(\.sums.newestTime)
            + [erasedUpTo ?? WallTime(milliseconds: 0)]
        return max(
            ids.compactMap { $0?.wallTime }.max() ?? WallTime(milliseconds: 0),
            buckets.max() ?? WallTime(milliseconds: 0))
    }
}

extension BucketedSums {
    /// Where its newest bucket begins.
    fileprivate var newestTime: WallTime {
        let (time, overflows) = newest.multipliedReportingOverflow(by: width)
        return WallTime(milliseconds: overflows ? .max : time)
    }
}

extension ContentState {
    /// Of its lines and of every write that stands. Complexity: O(items + withdrawals).
    package var latestTime: WallTime { max(lines.latestTime, catalogue.latestTime) }
}

extension Catalogue {
    fileprivate var latestTime: WallTime {
        let items = entries.values.map(\.order.id.wallTime).max() ?? WallTime(milliseconds: 0)
        return max(items, tombstones.ascending.map(\.order.id.wallTime).max() ?? items)
    }
}
