// `/statusz`: what the node knows of itself without asking a shard, as one JSON object.

import ClusterModel
import EventLog
import Personalization

/// Keys are stable; units stand in them.
struct StatusDocument {
    private var fields: [(key: String, value: String)] = []

    init(_ control: any NodeControl) {
        let facts = control.facts
        add("deployment", text: facts.deploymentID)
        add("region", text: facts.regionName)
        add("region_number", "\(facts.region.rawValue)")
        add("node", text: facts.node)
        add("version", text: facts.version)
        add("state", text: control.state.rawValue)
        add("access", text: control.isAccessOpen ? "open" : "by_role")
        add("uptime_ms", "\(control.uptime.wholeMilliseconds)")
        add("partitions", "\(facts.partitions.rawValue)")
        add("recovery", control.recovery.map(Self.recovery) ?? "null")
        add("calls_in_flight", "\(control.callsInFlight)")
        let (mirrors, clock) = (control.mirrors, control.clock)
        add("clock", Self.object([("state", Self.quoted(clock.word)), ("reason", Self.quoted(clock.reason))]))
        add("mirror_unmirrored_events", control.unmirrored.map(String.init) ?? "null")
        add("mirrors", Self.array(mirrors.map(Self.mirror)))
        add("bootstrap", Self.bootstrap(control.bootstrap))
        add("personal_data", Self.personalData(control.upkeep))
        let occupancy = control.occupancy
        add("catalogue", Self.catalogue(occupancy.catalogue))
        add("rows", Self.rows(occupancy.shards))
        let alarms = NodeAlarm.all(
            state: control.state, clock: clock, mirrors: mirrors, replicas: control.stoppedReplicas,
            upkeep: control.upkeep, bootstrap: control.bootstrap, credentials: control.credentials,
            occupancies: control.occupancies, occupancy: occupancy, unserved: control.unserved)
        add("alarms", Self.array(alarms.map(Self.alarm)))
    }

    /// The object and a line feed.
    var text: String { Self.object(fields) + "\n" }

    private mutating func add(_ key: String, _ value: String) { fields.append((key, value)) }

    private mutating func add(_ key: String, text: String) { add(key, Self.quoted(text)) }

    private static func recovery(_ facts: RecoveryFacts) -> String {
        object([
            ("clean_stop", "\(facts.wasClean)"), ("batches", "\(facts.batches)"), ("records", "\(facts.records)"),
            ("cut_bytes", "\(facts.cutBytes)"), ("corrupt_ranges", "\(facts.corruptRanges)"),
            ("duration_ms", "\(facts.duration.wholeMilliseconds)"),
        ])
    }

    private static func bootstrap(_ facts: BootstrapFacts) -> String {
        object([
            ("waiting", "\(facts.waiting)"), ("done", "\(facts.done)"), ("bytes", "\(facts.bytes)"),
            ("current", facts.current.map(quoted) ?? "null"), ("source", number(facts.source?.rawValue)),
            ("position_bytes", "\(facts.position)"), ("length_bytes", "\(facts.length)"),
            ("failure", facts.failure.map(quoted) ?? "null"),
        ])
    }

    private static func catalogue(_ facts: CatalogueOccupancy) -> String {
        object([
            ("items", "\(facts.items)"), ("expired", "\(facts.expired)"), ("tombstones", "\(facts.tombstones)"),
            ("limit", "\(facts.limit)"),
        ])
    }

    private static func rows(_ shards: [ShardOccupancy]) -> String {
        object([
            ("users", "\(shards.reduce(0) { $0.adding(clamping: $1.users) })"),
            ("markers", "\(shards.reduce(0) { $0.adding(clamping: $1.markerRows) })"),
        ])
    }

    private static func personalData(_ facts: LogUpkeepFacts) -> String {
        object([
            ("oldest_seconds", number(facts.personalDataSeconds)),
            ("maximum_seconds", "\(facts.personalDataMaximumSeconds)"),
            ("seconds_left", number(facts.personalDataSecondsLeft)),
        ])
    }

    private static func mirror(_ facts: MirrorFacts) -> String {
        object([
            ("region", quoted(facts.name)), ("region_number", "\(facts.region.rawValue)"),
            ("state", quoted(facts.state.rawValue)), ("endpoint", facts.endpoint.map(quoted) ?? "null"),
            ("last_heard_ms", number(facts.sinceHeard?.wholeMilliseconds)),
            ("mirror_lag_events", "\(facts.lagEvents)"), ("mirror_lag_ms", "\(facts.lagMilliseconds)"),
            ("mirror_lag_p50_ms", number(facts.lagP50Milliseconds)),
            ("mirror_lag_p99_ms", number(facts.lagP99Milliseconds)),
            ("clock_offset_ms", number(facts.clockOffsetMilliseconds)),
            ("round_trip_us", number(facts.roundTrip?.wholeMicroseconds)), ("lost_links", "\(facts.lostLinks)"),
            ("last_failure", facts.lastFailure.map(quoted) ?? "null"), ("stopped_logs", "\(facts.stopped.count)"),
            ("standing_logs", "\(facts.standing.count)"), ("silent_ms", number(facts.silentFor?.wholeMilliseconds)),
            ("terms_differ", array(facts.findings.map { quoted($0.kind.rawValue) })),
        ])
    }

    private static func alarm(_ alarm: NodeAlarm) -> String {
        object([
            ("name", quoted(alarm.name.rawValue)), ("detail", quoted(alarm.detail)),
            ("runbook", quoted(alarm.name.runbook)),
        ])
    }

    private static func number(_ value: (some CustomStringConvertible)?) -> String { value?.description ?? "null" }

    private static func array(_ values: [String]) -> String { "[" + values.joined(separator: ",") + "]" }

    private static func object(_ fields: [(key: String, value: String)]) -> String {
        "{" + fields.map { "\(quoted($0.key)):\($0.value)" }.joined(separator: ",") + "}"
    }

    /// A JSON string (RFC 8259, section 7).
    static func quoted(_ text: String) -> String {
        let body = text.unicodeScalars.reduce(into: "") { body, scalar in
            switch scalar {
            case "\"": body += "\\\""
            case "\\": body += "\\\\"
            case "\u{0}"..."\u{1f}":
                let digits = String(scalar.value, radix: 16)
                body += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: body.unicodeScalars.append(scalar)
            }
        }
        return "\"\(body)\""
    }
}
