// Whether a region can take over another one's users, by its own account. Pure.

import ClusterModel

/// One region as of now: what it holds, what it may hold, and how far it is behind the one that asks. A value.
package struct RegionCapacity: Hashable, Sendable {
    package var state: NodeState
    /// It stamps no records: its clock is refused (S2).
    package var isRefusingWrites = false
    /// Bytes free on the disk of its log, and what the next segment takes.
    package var freeBytes: UInt64 = 0
    package var neededBytes: UInt64 = 0
    /// Records of the asking region that are not there, the age of the oldest of them, and from which age on that alarms.
    package var lagEvents: UInt64 = 0
    package var lagMilliseconds: UInt64 = 0
    package var lagLimitMilliseconds: UInt64 = 0
    package var users: UInt64 = 0
    package var userLimit: UInt64 = 0
    package var callsInFlight: UInt64 = 0
    package var callLimit: UInt64 = 0

    package init(state: NodeState) { self.state = state }

    /// What keeps the region from taking all of `load`, with the figures, worst first; empty where nothing does.
    package func obstacles(to load: EvacuationLoad) -> [String] {
        var found: [String] = []
        if state != .active { found.append("it is \(state.rawValue)") }
        if isRefusingWrites { found.append("its clock is refused, so that it takes no writes") }
        if freeBytes < neededBytes {
            found.append("its disk has \(freeBytes) bytes free, the next segment takes \(neededBytes)")
        }
        if lagMilliseconds > lagLimitMilliseconds {
            found.append(
                "it misses \(lagEvents) events of this region, the oldest for \(lagMilliseconds) ms, more than "
                    + "\(lagLimitMilliseconds) ms")
        }
        let users = max(users, load.users)
        if users > userLimit { found.append("it may hold \(userLimit) users, and there are \(users)") }
        let calls = callsInFlight.adding(clamping: load.callsInFlight)
        if calls > callLimit {
            found.append(
                "it serves \(callsInFlight) calls, and \(load.callsInFlight) of this region's would be more than its "
                    + "\(callLimit)")
        }
        return found
    }
}

/// What an evacuation moves to other regions.
package struct EvacuationLoad: Hashable, Sendable {
    package var users: UInt64
    package var callsInFlight: UInt64

    package init(users: UInt64, callsInFlight: UInt64) {
        self.users = users
        self.callsInFlight = callsInFlight
    }
}

/// What one region said of its room, or why it did not.
struct CapacityAnswer: Sendable {
    var name: String
    var answer: Result<RegionCapacity, PeerFailure>
}

/// The answers of all regions that are connected. A value.
struct EvacuationPreflight: Hashable, Sendable {
    private let isPassed: Bool
    private let words: [String]

    init(_ load: EvacuationLoad, _ answers: [CapacityAnswer]) {
        var (isPassed, words): (Bool, [String]) = (false, [])
        for one in answers {
            let obstacles: [String] =
                switch one.answer {
                case .success(let capacity): capacity.obstacles(to: load)
                case .failure(let failure): ["\(failure)"]
                }
            if obstacles.isEmpty {
                isPassed = true
            } else {
                words.append("region \(one.name): \(obstacles.joined(separator: ", "))")
            }
        }
        self.isPassed = isPassed
        self.words = words
    }

    /// Why users should stay; nil where at least one region can take them all.
    var problem: String? { isPassed ? nil : words.joined(separator: "; ") }
}
