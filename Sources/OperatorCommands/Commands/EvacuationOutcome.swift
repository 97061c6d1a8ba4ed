// What an evacuation came to, for programs and for people.

import ClusterModel
package import MeridianProtocol

/// How far an evacuation came.
package struct EvacuationOutcome: Sendable {
    package var reply: Meridian_V1_EvacuateReply
    package var elapsed: Duration

    package init(reply: Meridian_V1_EvacuateReply, elapsed: Duration) {
        self.reply = reply
        self.elapsed = elapsed
    }

    /// Not complete is out of time: the region stays evacuated, and goes on.
    package var status: ExitStatus { reply.isComplete ? .success : .unreachable }

    /// The keys of the command's JSON object.
    package var answer: JSONValue {
        .object([
            "region": .string(reply.regionName), "region_number": .count(reply.region),
            "state": .string(reply.state.word), "complete": .boolean(reply.isComplete),
            "unmirrored_events": .count(reply.unmirroredEvents), "unflushed_records": .count(reply.unflushedRecords),
            "calls_in_flight": .count(reply.callsInFlight), "connected_regions": .count(reply.connectedRegions),
            "elapsed_ms": .count(elapsed.wholeMilliseconds),
        ])
    }

    package var progress: String {
        "\(reply.callsInFlight) calls under way, \(reply.unflushedRecords) records wait for the disk, "
            + "\(reply.unmirroredEvents) are in no other region yet"
    }

    package var summary: String {
        reply.isComplete
            ? "region \(reply.regionName) is evacuated after \(elapsed.wholeMilliseconds) ms: "
                + (reply.connectedRegions > 0
                    ? "everything it wrote is in another region too" : "no other region is connected")
            : "region \(reply.regionName) refuses users, but after \(elapsed.wholeMilliseconds) ms \(progress)"
    }
}
