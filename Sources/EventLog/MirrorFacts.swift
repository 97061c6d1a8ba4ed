// Another region, as this node mirrors it. Told by the mirrors, read by what operators call: they do not know each other.

package import ClusterModel

/// A log that stands still although there is more of it, and why.
package struct StoppedLog: Hashable, Sendable {
    package var log: LogIdentity
    package var reason: String

    package init(log: LogIdentity, reason: String) {
        self.log = log
        self.reason = reason
    }

    /// The log for people; the incarnation in hexadecimal.
    package var place: String {
        let name = log.name
        return "log of region \(name.region.rawValue), topic \(name.topic.rawValue), partition "
            + "\(name.partition.rawValue), incarnation \(String(log.incarnation.rawValue, radix: 16))"
    }
}

/// One peer region. A value; ages are as of when it was made.
package struct MirrorFacts: Hashable, Sendable {
    package enum State: String, Hashable, Sendable {
        case connected
        /// The region does not answer.
        case lost
        /// It answers, and some of its logs stand still here.
        case stopped
    }

    package var region: RegionNumber
    package var name: String
    /// The mesh endpoint in use.
    package var endpoint: String?
    package var isConnected = false
    /// How long ago the region was heard; nil when it never was.
    package var sinceHeard: Duration?
    /// Its wall clock less ours.
    package var clockOffsetMilliseconds: Int64?
    package var roundTrip: Duration?
    package var applyVersion: UInt32?
    /// Records of the region's own logs that are not here, as it last said: what is missing here should it be lost now.
    package var lagEvents: UInt64 = 0
    /// The age of the oldest of them by stamps.
    package var lagMilliseconds: UInt64 = 0
    /// From a record's stamp to this region's disk, over the last minute; nil without records.
    package var lagP50Milliseconds: Double?
    package var lagP99Milliseconds: Double?
    package var receivedBytes: UInt64 = 0
    package var receivedBatches: UInt64 = 0
    package var lostLinks: UInt64 = 0
    package var lastFailure: String?
    package var stopped: [StoppedLog] = []
    /// What its terms and ours do not agree on, worst first (S3); as of its last greeting.
    package var findings: [TermsFinding] = []
    /// The region itself refuses writes.
    package var isRefusingWrites = false
    /// Another process than the one that speaks for the region claimed it, and was refused here (S1); for people.
    package var rival: String?
    /// Logs of which nothing more came although the region goes on writing them.
    package var standing: [StoppedLog] = []
    /// How long the region is connected and writes nothing, not even the time; nil while it is not connected.
    package var silentFor: Duration?
    /// What is missing here is older than the objective.
    package var isBehind = false
    /// The region writes nothing although it is connected.
    package var isSilent = false

    package init(region: RegionNumber, name: String) {
        self.region = region
        self.name = name
    }

    /// Lost before stopped: where nothing comes, nothing can go on.
    package var state: State {
        if !isConnected { return .lost }
        return stopped.isEmpty ? .connected : .stopped
    }
}
