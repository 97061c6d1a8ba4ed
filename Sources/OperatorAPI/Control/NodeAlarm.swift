// What a person should look at, from what a node knows of itself. Pure.

import ClusterModel
import EventLog
import Personalization

/// One condition that can page someone, with the runbook that ends it.
struct NodeAlarm: Hashable, Sendable {
    /// Stable: alerts match on it.
    enum Name: String, Hashable, Sendable, CaseIterable {
        case mirrorLost = "mirror_lost"
        case mirrorStopped = "mirror_stopped"
        /// A shard or the catalogue cannot fold a log any further (S3).
        case replicaStopped = "replica_stopped"
        case clockAlarm = "clock_alarm"
        case clockRefusing = "clock_refusing"
        case logFenced = "log_fenced"
        /// Something holds the journal beyond its retention: the disk fills (S5).
        case logHeld = "log_held"
        /// The journal has grown over half of what it may, and refuses appends at all of it (S5).
        case logGrowing = "log_growing"
        /// Personal data is older than it may become (S8).
        case personalDataOverdue = "personal_data_overdue"
        /// A state waits for another member's snapshot and does not come on (S5).
        case bootstrapWaits = "bootstrap_waits"
        /// Bytes on the disk do not verify, and are not repaired so far (S7).
        case logCorrupt = "log_corrupt"
        /// Not a fault: somebody asked for it, and has to end it.
        case evacuated

        /// A file of Runbooks/.
        var runbook: String {
            switch self {
            case .mirrorLost: "region-lost.md"
            case .mirrorStopped, .replicaStopped: "mirror-stopped.md"
            case .clockAlarm, .clockRefusing: "clock-refused.md"
            case .logFenced: "log-fenced.md"
            case .logHeld, .logGrowing, .personalDataOverdue: "disk-filling.md"
            case .bootstrapWaits: "bootstrap.md"
            case .logCorrupt: "log-corruption.md"
            case .evacuated: ""
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
        upkeep: LogUpkeepFacts = LogUpkeepFacts(), bootstrap: BootstrapFacts = BootstrapFacts()
    ) -> [NodeAlarm] {
        var alarms: [NodeAlarm] = []
        if state == .fenced { alarms.append(NodeAlarm(name: .logFenced, detail: "the log takes no more appends")) }
        alarms += all(of: upkeep)
        if bootstrap.waiting > 0, let failure = bootstrap.failure {
            alarms.append(
                NodeAlarm(name: .bootstrapWaits, detail: "\(bootstrap.waiting) states wait for a snapshot: \(failure)"))
        }
        switch clock {
        case .trusted: break
        case .alarm(let why): alarms.append(NodeAlarm(name: .clockAlarm, detail: why))
        case .refusing(let why): alarms.append(NodeAlarm(name: .clockRefusing, detail: why))
        }
        // While a node starts its links have not had their time.
        for mirror in mirrors where state != .starting { alarms += all(of: mirror) }
        alarms += stopped(replicas, .replicaStopped, "")
        if state == .evacuated {
            alarms.append(NodeAlarm(name: .evacuated, detail: "users are refused until meridian region resume"))
        }
        return alarms
    }

    private static func all(of upkeep: LogUpkeepFacts) -> [NodeAlarm] {
        var alarms = upkeep.corruptRanges.prefix(maxListed).map { NodeAlarm(name: .logCorrupt, detail: $0) }
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
        return alarms + stopped(mirror.stopped, .mirrorStopped, "region \(mirror.name), ")
    }

    private static func stopped(_ logs: [StoppedLog], _ name: Name, _ place: String) -> [NodeAlarm] {
        var alarms = logs.prefix(maxListed).map { NodeAlarm(name: name, detail: "\(place)\($0.place): \($0.reason)") }
        if logs.count > maxListed {
            alarms.append(NodeAlarm(name: name, detail: "\(place)\(logs.count - maxListed) logs more"))
        }
        return alarms
    }
}
