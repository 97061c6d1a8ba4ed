// What one partition's users did with each item, hour by hour: part of the replicated state (S13). A node's total is the
// sum over partitions of the latest partial; regions never exchange totals.

package import ClusterModel

/// Bucketed counts by content. One window for the whole partition, (newest - K, newest] in hours of id time, so that old
/// items leave it and memory is bounded by the items that users touched within two weeks.
package struct PopularityPartial: Sendable {
    package struct Counts: Hashable, Sendable {
        package var impressions: Int64 = 0
        package var clicks: Int64 = 0
        /// Likes, shares, bookmarks, comments, follows.
        package var strong: Int64 = 0

        package init() {}

        package static func &+= (lhs: inout Self, rhs: Self) {
            lhs.impressions &+= rhs.impressions
            lhs.clicks &+= rhs.clicks
            lhs.strong &+= rhs.strong
        }
    }

    package struct Bucket: Hashable, Sendable {
        /// Id time divided by `StateLimits.popularityBucket`.
        package var index: UInt64
        package var counts: Counts
    }

    /// Ascending by index, all inside the window, none all zero.
    package private(set) var contents: [ContentKey: [Bucket]] = [:]
    /// Bookkeeping of the window: outside equality and digest (S3), inside snapshots.
    package private(set) var newest: UInt64 = 0

    package init() {}

    package static let bucketMilliseconds = StateLimits.popularityBucket.wholeMilliseconds

    /// Adds one event that the id index let through. Complexity: O(buckets of the item); O(items) when an hour begins.
    package mutating func add(_ kind: InteractionKind, of content: ContentKey, at time: WallTime) {
        guard let counts = Counts(kind) else { return }
        insert(counts, of: content, at: time.milliseconds / Self.bucketMilliseconds)
    }

    /// Restores the window of a snapshot before its buckets.
    mutating func restoreWindow(newest: UInt64) { advance(to: newest) }

    mutating func insert(_ counts: Counts, of content: ContentKey, at index: UInt64) {
        advance(to: index)
        guard isKept(index) else { return }
        var buckets = contents[content] ?? []
        let place = buckets.lastIndex { $0.index <= index }
        if let place, buckets[place].index == index {
            buckets[place].counts &+= counts
        } else {
            buckets.insert(Bucket(index: index, counts: counts), at: place.map { $0 + 1 } ?? 0)
        }
        contents[content] = buckets
    }

    private mutating func advance(to index: UInt64) {
        guard index > newest else { return }
        newest = index
        for (content, buckets) in contents {
            let kept = buckets.filter { isKept($0.index) }
            if kept.count != buckets.count { contents[content] = kept.isEmpty ? nil : kept }
        }
    }

    private func isKept(_ index: UInt64) -> Bool { index &+ UInt64(StateLimits.popularityBuckets) > newest }
}

extension PopularityPartial: Hashable {
    package static func == (lhs: Self, rhs: Self) -> Bool { lhs.contents == rhs.contents }

    package func hash(into hasher: inout Hasher) { hasher.combine(contents) }
}

extension PopularityPartial.Counts {
    /// Nil for a kind that popularity does not count.
    fileprivate init?(_ kind: InteractionKind) {
        switch kind {
        case .impression: impressions = 1
        case .click, .watch: clicks = 1
        case .like, .share, .bookmark, .comment, .follow: strong = 1
        case .dismiss: return nil
        }
    }
}
