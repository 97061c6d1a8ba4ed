// A state that another member gave, verified.

import ClusterModel
import Personalization
import RegionMirror

/// Of either kind.
enum FetchedState: Sendable {
    case users(ShardState)
    case content(ContentState)

    var lines: OriginLines {
        switch self {
        case .users(let state): state.lines
        case .content(let state): state.lines
        }
    }

    private var latestTime: WallTime {
        switch self {
        case .users(let state): state.latestTime
        case .content(let state): state.latestTime
        }
    }

    /// The state of an item, of times that are believed: a member that lies, or whose clock was wild, would otherwise hand over
    /// what stands above every true write for ever (S2). Throws SnapshotError.
    init(
        _ bytes: [UInt8], of item: SnapshotItem, contents: Int, upTo ceiling: TimeCeiling
    ) throws(SnapshotError) {
        if item.topic == .content {
            self = .content(try ContentSnapshot.decode(bytes, limit: contents))
        } else {
            self = .users(try ShardSnapshot.decode(bytes, partition: item.partition))
        }
        guard latestTime <= ceiling.latest else { throw .aheadOfClock(latestTime) }
    }
}
