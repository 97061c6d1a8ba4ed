// What a person should look at, from what a node knows of itself. Pure.

import ClusterModel
import EventLog
import NodeEnvironment
import Personalization

/// One condition that can page someone, with the runbook that ends it.
struct NodeAlarm: Hashable, Sendable {
    /// Stable: alerts match on it.
    enum Name: String, Hashable, Sendable, CaseIterable {
        case mirrorLost = "mirror_lost"
        case mirrorStopped = "mirror_stopped"
        /// What is missing here of a connected region is older than the objective (RPO).
        case mirrorBehind = "mirror_behind"
        /// Nothing more of a log arrives although its region goes on writing it.
        case mirrorStanding = "mirror_standing"
        /// A region is connected and writes nothing, not even the time.
        case mirrorSilent = "mirror_silent"
        /// Another region's terms break a rule: there is no link to it (S3).
        case linkRefused = "link_refused"
        /// Another region's terms are others, and break no rule (S3).
        case termsDiffer = "terms_differ"
        /// A second process claims another region, and is refused (S1).
        case regionClaimed = "region_claimed"
        /// A certificate, authority or revocation list is near its end, or past it.
        case credentialExpiring = "credential_expiring"
        /// The same, so near that somebody has to act today.
        case credentialUrgent = "credential_urgent"
        /// A shard or the catalogue cannot fold a log any further (S3).
        case replicaStopped = "replica_stopped"
        /// Some of this node's own states serve nobody, for longer than a moment.
        case usersUnserved = "users_unserved"
        case clockAlarm = "clock_alarm"
        case clockRefusing = "clock_refusing"
        case logFenced = "log_fenced"
        /// Something holds the journal beyond its retention: the disk fills (S5).
        case logHeld = "log_held"
        /// The journal has grown over half of what it may, and refuses appends at all of it (S5).
        case logGrowing = "log_growing"
        /// Nothing more can be written to the journal for lack of room: writes are refused at once, reads go on.
        case diskFull = "disk_full"
        /// Personal data is older than it may become (S8).
        case personalDataOverdue = "personal_data_overdue"
        /// A state waits for another member's snapshot and does not come on (S5).
        case bootstrapWaits = "bootstrap_waits"
        /// Bytes on the disk do not verify, and are not repaired so far (S7).
        case logCorrupt = "log_corrupt"
        /// The data directory was deleted or replaced under the node.
        case directoryLost = "directory_lost"
        /// A shard's newest snapshot that verifies is too old: starts grow longer, and its logs are not trimmed (S8).
        case snapshotOverdue = "snapshot_overdue"
        /// Starts of a region pile up: a member gives no seal, or publishes no snapshots (S1b).
        case startsUnsettled = "starts_unsettled"
        /// A listener holds half of the connections that it may; then all of them, and refuses others.
        case connectionsHigh = "connections_high"
        case connectionsFull = "connections_full"
        /// The catalogue has half of the items, or of the withdrawn ids, that it may.
        case catalogueFilling = "catalogue_filling"
        /// A partition has half of the users, or of the rows of markers, that it may.
        case usersFilling = "users_filling"
        /// Not a fault: somebody asked for it, and has to end it.
        case evacuated

        /// A file of Runbooks/.
        var runbook: String {
            switch self {
            case .mirrorLost: "region-lost.md"
            case .mirrorStopped, .replicaStopped, .usersUnserved: "mirror-stopped.md"
            case .mirrorBehind, .mirrorStanding, .mirrorSilent: "mirror-behind.md"
            case .linkRefused, .termsDiffer: "link-refused.md"
            case .regionClaimed: "region-claimed.md"
            case .credentialExpiring, .credentialUrgent: "certificate-replaced.md"
            case .clockAlarm, .clockRefusing: "clock-refused.md"
            case .logFenced: "log-fenced.md"
            case .logHeld, .logGrowing, .personalDataOverdue: "disk-filling.md"
            case .diskFull: "disk-full.md"
            case .bootstrapWaits: "bootstrap.md"
            case .directoryLost: "directory-lost.md"
            case .snapshotOverdue: "snapshot-overdue.md"
            case .logCorrupt: "log-corruption.md"
            case .startsUnsettled: "starts-unsettled.md"
            case .connectionsHigh, .connectionsFull: "connections-full.md"
            case .catalogueFilling, .usersFilling: "state-filling.md"
            case .evacuated: "region-evacuated.md"
            }
        }
    }

    /// Stopped logs that are named one by one in an answer; `maxListed` more say that there are others.
    static let maxListed = 64

    var name: Name
    var detail: String

    /// All that stand, worst first within a kind of thing. Complexity: O(regions + stopped logs).
    static func all(
        state: NodeState, clock: ClockVerdict, mirrors: [MirrorFacts], replicas: [StoppedLog],
        upkeep: LogUpkeepFacts = LogUpkeepFacts(), bootstrap: BootstrapFacts = BootstrapFacts(),
        credentials: [CredentialExpiry] = [], occupancies: [ListenerOccupancy] = [],
        occupancy: StateOccupancy = StateOccupancy(), unserved: Int = 0
    ) -> [NodeAlarm] {
        var alarms: [NodeAlarm] = []
        if state == .fenced { alarms.append(NodeAlarm(name: .logFenced, detail: "the log takes no more appends")) }
        alarms += all(of: upkeep)
        if bootstrap.waiting > 0, let failure = bootstrap.failure {
            alarms.append(
                NodeAlarm(name: .bootstrapWaits, detail: "\(bootstrap.waiting) states wait for a snapshot: \(failure)"))
        }
        alarms += credentials.filter { $0.stage != .far }.map { expiry in
            NodeAlarm(
                name: expiry.stage == .near ? .credentialExpiring : .credentialUrgent, detail: expiry.description)
        }
        switch clock {
        case .trusted: break
        case .alarm(let why): alarms.append(NodeAlarm(name: .clockAlarm, detail: why))
        case .refusing(let why): alarms.append(NodeAlarm(name: .clockRefusing, detail: why))
        }
        // While a node starts its links have not had their time, and one whose log has ended follows nobody any more.
        for mirror in mirrors where state != .starting {
            alarms += all(of: mirror).filter { state != .fenced || $0.name != .mirrorLost }
        }
        if unserved > 0 {
            alarms.append(
                NodeAlarm(
                    name: .usersUnserved,
                    detail: "\(unserved) of this node's shards serve nobody: they do not come back by themselves"))
        }
        alarms += stopped(replicas, .replicaStopped, "")
        alarms += occupancies.compactMap(crowded)
        alarms += filling(occupancy)
        if state == .evacuated {
            alarms.append(NodeAlarm(name: .evacuated, detail: "users are refused until meridian region resume"))
        }
        return alarms
    }

    private static func crowded(_ listener: ListenerOccupancy) -> NodeAlarm? {
        let (open, limit) = (listener.occupancy.open, listener.occupancy.limit)
        guard !listener.occupancy.isContended else {
            return NodeAlarm(
                name: .connectionsHigh,
                detail:
                    "listen.\(listener.listener): \(listener.occupancy.waiting) connections have not introduced themselves, "
                    + "of \(limit) that may be open; the oldest make room")
        }
        guard open >= max(1, limit / 2) else { return nil }
        let name: Name = open >= limit ? .connectionsFull : .connectionsHigh
        return NodeAlarm(name: name, detail: "listen.\(listener.listener): \(open) connections of \(limit)")
    }

    private static func all(of upkeep: LogUpkeepFacts) -> [NodeAlarm] {
        var alarms = upkeep.corruptRanges.prefix(maxListed).map { NodeAlarm(name: .logCorrupt, detail: $0) }
        if let why = standstill(upkeep) { alarms.append(NodeAlarm(name: .diskFull, detail: why)) }
        if let why = upkeep.lostDirectory { alarms.append(NodeAlarm(name: .directoryLost, detail: why)) }
        if let why = upkeep.snapshots.overdue { alarms.append(NodeAlarm(name: .snapshotOverdue, detail: why)) }
        if let why = upkeep.writesHeld {
            alarms.append(NodeAlarm(name: .startsUnsettled, detail: "writes are refused: \(why)"))
        } else if let unsettled = upkeep.unsettled, unsettled.count >= UnsettledStarts.alarmed {
            let who = unsettled.heldUpBy.map { ", held up by region \($0.rawValue)" } ?? ""
            alarms.append(
                NodeAlarm(
                    name: .startsUnsettled,
                    detail: "\(unsettled.count) starts of region \(unsettled.region.rawValue) are not settled\(who); "
                        + "with \(UnsettledStarts.waited) its next start refuses writes until they are"))
        }
        if let hold = upkeep.hold, hold.isOverdue {
            alarms.append(NodeAlarm(name: .logHeld, detail: "the oldest segment stays: \(hold.detail)"))
        }
        if upkeep.boundBytes > 0, upkeep.journalBytes > upkeep.boundBytes / 2 {
            let why = upkeep.hold.map { ": \($0.detail)" } ?? ""
            alarms.append(
                NodeAlarm(
                    name: .logGrowing,
                    detail:
                        "the journal has \(upkeep.journalBytes) of the \(upkeep.boundBytes) bytes of log.max_bytes\(why)"
                ))
        }
        if upkeep.isPersonalDataOverdue, let age = upkeep.personalDataSeconds {
            let why = upkeep.hold.map { ": \($0.detail)" } ?? ""
            alarms.append(
                NodeAlarm(
                    name: .personalDataOverdue,
                    detail:
                        "the oldest personal data is \(age) s old, \(upkeep.personalDataMaximumSeconds) s are allowed\(why)"
                ))
        }
        return alarms
    }

    private static func all(of mirror: MirrorFacts) -> [NodeAlarm] {
        var alarms: [NodeAlarm] = []
        if !mirror.isConnected {
            let heard = mirror.sinceHeard.map { "not heard for \($0.wholeMilliseconds) ms" } ?? "never heard"
            let why = mirror.lastFailure.map { ": \($0)" } ?? ""
            alarms.append(NodeAlarm(name: .mirrorLost, detail: "region \(mirror.name) \(heard)\(why)"))
        }
        return alarms + refusals(mirror) + stopped(mirror.stopped, .mirrorStopped, "region \(mirror.name), ")
            + lags(mirror)
    }

    private static func refusals(_ mirror: MirrorFacts) -> [NodeAlarm] {
        var alarms = mirror.findings.map { finding in
            NodeAlarm(
                name: finding.kind.refuses ? .linkRefused : .termsDiffer,
                detail: "region \(mirror.name), \(finding.kind.rawValue): \(finding.detail)")
        }
        if let rival = mirror.rival {
            alarms.append(
                NodeAlarm(name: .regionClaimed, detail: "a second process of region \(mirror.name): \(rival)"))
        }
        return alarms
    }

    private static func lags(_ mirror: MirrorFacts) -> [NodeAlarm] {
        var alarms: [NodeAlarm] = []
        if mirror.isBehind {
            let detail =
                "\(mirror.lagEvents) events of region \(mirror.name) are missing here, the oldest for "
                + "\(mirror.lagMilliseconds) ms"
            alarms.append(NodeAlarm(name: .mirrorBehind, detail: detail))
        }
        if mirror.isSilent, let silence = mirror.silentFor {
            let why = mirror.isRefusingWrites ? ": it refuses writes" : ""
            alarms.append(
                NodeAlarm(
                    name: .mirrorSilent,
                    detail: "region \(mirror.name) has written nothing for \(silence.wholeMilliseconds) ms\(why)"))
        }
        return alarms + stopped(mirror.standing, .mirrorStanding, "region \(mirror.name), ")
    }

    private static func stopped(_ logs: [StoppedLog], _ name: Name, _ place: String) -> [NodeAlarm] {
        var alarms = logs.prefix(maxListed).map { NodeAlarm(name: name, detail: "\(place)\($0.place): \($0.reason)") }
        if logs.count > maxListed {
            alarms.append(NodeAlarm(name: name, detail: "\(place)\(logs.count - maxListed) logs more"))
        }
        return alarms
    }
}
