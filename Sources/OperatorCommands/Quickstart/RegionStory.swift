// One story of the proof: what happened, what was found, what did not hold.

package import ClusterModel

/// A value; the proof fills it.
package struct RegionStory: Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        case kills
        case cutOff = "cut_off"
        case oldDisk = "old_disk"
        case lostDisk = "lost_disk"
        case retries

        var explanation: String {
            switch self {
            case .kills: "regions are killed at random moments under load"
            case .cutOff: "a region returns while the others cannot be reached"
            case .oldDisk: "a region returns with an old copy of its disk"
            case .lostDisk: "a region returns without its disk, after writes that no other region has"
            case .retries: "the same events go through all regions in random order, with restarts in between"
            }
        }
    }

    package let kind: Kind
    package var verdict = DeploymentVerdict([])
    package private(set) var kills: [KillRecord] = []
    package var complaints: [String] = []
    package private(set) var requests: UInt64 = 0
    package private(set) var latency = LatencyHistogram()
    package private(set) var settledForLocal: UInt64 = 0
    /// Events acknowledged `local` that went with the disk, as reported at the kill.
    package private(set) var tail = 0
    /// Sends of events, and those that were answered as known already.
    package private(set) var sends = 0
    package private(set) var known = 0

    /// What a client may see of a kill at most.
    package static let gapObjective: Duration = .seconds(1)

    package init(_ kind: Kind) { self.kind = kind }

    package init(_ kind: Kind, verdict: DeploymentVerdict) {
        self.kind = kind
        self.verdict = verdict
    }

    package var holds: Bool { verdict.holds && complaints.isEmpty }

    package mutating func onPhase(_ measurement: ReplayMeasurement) {
        requests += measurement.requests
        latency.merge(measurement.latency)
        settledForLocal += measurement.settledForLocal
        if measurement.failedCalls > 0 {
            complaints.append(
                "\(measurement.failedCalls) calls failed for good: \(measurement.lastFailure ?? "")")
        }
        if measurement.eventsRefused > 0 {
            complaints.append("\(measurement.eventsRefused) events were refused: \(measurement.lastFailure ?? "")")
        }
        if measurement.eventsAcknowledged == 0 { complaints.append("no event was acknowledged") }
    }

    /// Kills under load.
    package mutating func onKills(_ records: [KillRecord]) {
        kills += records
        for record in records {
            complaints += record.complaints()
            if kind == .kills, record.outage.gap >= Self.gapObjective {
                complaints.append(
                    "users of \(record.region) waited \(record.outage.gap.wholeMilliseconds) ms at its kill")
            }
        }
    }

    /// A kill that no user saw.
    package mutating func onQuietKill(_ record: KillRecord, excused: Bool = false) {
        complaints += record.complaints(excused: excused)
    }

    /// What was reported as un-mirrored must be what is missing.
    package mutating func onTail(_ tail: Set<EventID>) {
        self.tail = tail.count
        if tail.isEmpty { complaints.append("every write was mirrored, so nothing was shown") }
        if verdict.absent != tail {
            complaints.append(
                "\(tail.count) events were reported as un-mirrored, and \(verdict.absent.count) of them are missing")
        }
    }

    package mutating func onRetries(_ receipts: [ReportReceipt]) {
        sends = receipts.map { $0.acknowledged.count + $0.refusals.count }.reduce(0, +)
        known = receipts.map(\.duplicates).reduce(0, +)
        let refused = receipts.flatMap(\.refusals)
        if let reason = refused.first { complaints.append("\(refused.count) sends were refused, such as \(reason)") }
    }

    var allComplaints: [String] {
        verdict.complaints + (verdict.lost.isEmpty && verdict.duplicated == 0 ? [] : [verdict.text]) + complaints
    }

    /// The keys of the story's JSON object.
    var answer: JSONValue {
        .object([
            "story": .string(kind.rawValue), "holds": .boolean(holds), "requests": .count(requests),
            "events_acknowledged": .count(verdict.acknowledged), "events_lost": .count(verdict.lost.count),
            "events_duplicated": .count(verdict.duplicated), "events_copied": .count(verdict.copies),
            "events_tail": .count(tail), "events_absent": .count(verdict.absent.count),
            "events_sent": .count(sends), "events_known_already": .count(known),
            "digests_equal": .boolean(verdict.digestsEqual), "kills": .array(kills.map(\.answer)),
            "complaints": .array(allComplaints.map { .string($0) }),
        ])
    }
}

extension KillRecord {
    /// The keys of the kill's JSON object.
    var answer: JSONValue {
        .object([
            "region": .string(region), "after_ms": .count(after.wholeMilliseconds),
            "down_ms": .count(downFor.wholeMilliseconds), "gap_ms": .count(outage.gap.wholeMilliseconds),
            "longest_call_ms": .count(outage.longestCall.wholeMilliseconds), "answers": .count(outage.answers),
            "rpo_events_local": .count(point.local.count), "rpo_events_remote": .count(point.remote.count),
            "catch_up_ms": catchUp.map { .count($0.wholeMilliseconds) } ?? .null,
            "events_missing": .count(missing.count),
        ])
    }

    /// One line for people.
    package var text: String {
        "kill -9 of \(region): users waited \(outage.gap.wholeMilliseconds) ms; survivors lacked \(point.local.count) "
            + "local and \(point.remote.count) remote; down \(downFor.wholeMilliseconds) ms, caught up after "
            + "\(catchUp.map { "\($0.wholeMilliseconds) ms" } ?? "NOT IN TIME"), \(missing.count) missing"
    }
}
