// A node's status for programs: the keys of the command's JSON object. Units stand in them.

package import MeridianProtocol

extension StatusCommand {
    /// `isOpen`: the link is in plaintext, where the node asks nobody for a role.
    package static func answer(_ reply: Meridian_V1_StatusReply, isOpen: Bool = false) -> JSONValue {
        var members: [JSONValue.Member] = []
        func add(_ fields: KeyValuePairs<String, JSONValue>) {
            members += fields.map { JSONValue.Member(key: $0.key, value: $0.value) }
        }
        add([
            "state": .string(reply.state.word), "deployment": .string(reply.deployment),
            "region": .string(reply.regionName), "region_number": .count(reply.region), "node": .string(reply.node),
            "version": .string(reply.version), "access": .string(isOpen ? "open" : "by_role"),
            "uptime_ms": .count(reply.uptimeMs),
            "partitions": .count(reply.partitions), "users": .count(reply.users),
            "marker_rows": .count(reply.markerRows), "catalogue_items": .count(reply.catalogueItems),
            "catalogue_tombstones": .count(reply.catalogueTombstones), "catalogue_limit": .count(reply.catalogueLimit),
            "indexed_ids": .count(reply.indexedIds), "unflushed_records": .count(reply.unflushedRecords),
            "server_time_ms": .count(reply.serverTimeMs),
        ])
        add([
            "calls_in_flight": .count(reply.callsInFlight),
            "mirror_unmirrored_events": reply.mirrors.isEmpty ? .null : .count(reply.unmirroredEvents),
            "freshness_p50_ms": reply.hasFreshnessP50Ms ? .number(reply.freshnessP50Ms) : .null,
            "freshness_p99_ms": reply.hasFreshnessP99Ms ? .number(reply.freshnessP99Ms) : .null,
            "rebuilding_partitions": .count(reply.rebuildingPartitions), "held_logs": .count(reply.heldLogs),
            "bootstrap": answer(reply.bootstrap),
            "personal_data_seconds": reply.hasPersonalDataSeconds ? .count(reply.personalDataSeconds) : .null,
            "personal_data_seconds_left": reply.hasPersonalDataSecondsLeft
                ? .count(reply.personalDataSecondsLeft) : .null,
            "clock": .object(["state": .string(reply.clock.state.word), "reason": .string(reply.clock.reason)]),
            "mirrors": .array(reply.mirrors.map(answer)), "alarms": .array(reply.alarms.map(answer)),
            "operator_events": .array(reply.operatorEvents.map(answer)),
        ])
        if !reply.partitionStates.isEmpty {
            let states = reply.partitionStates.map { DigestReport.Partition($0).answer }
            add(["partition_states": .array(states)])
        }
        return .object(members)
    }

    private static func answer(_ status: Meridian_V1_BootstrapStatus) -> JSONValue {
        .object([
            "waiting": .count(status.waiting), "done": .count(status.done), "bytes": .count(status.bytes),
            "current": status.current.isEmpty ? .null : .string(status.current),
            "source_region": .count(status.sourceRegion), "position_bytes": .count(status.positionBytes),
            "length_bytes": .count(status.lengthBytes),
            "failure": status.failure.isEmpty ? .null : .string(status.failure),
        ])
    }

    private static func answer(_ mirror: Meridian_V1_MirrorStatus) -> JSONValue {
        .object([
            "region": .string(mirror.regionName), "region_number": .count(mirror.region),
            "state": .string(mirror.state.word),
            "endpoint": mirror.endpoint.isEmpty ? .null : .string(mirror.endpoint),
            "last_heard_ms": mirror.hasLastHeardMs ? .count(mirror.lastHeardMs) : .null,
            "mirror_lag_events": .count(mirror.lagEvents), "mirror_lag_ms": .count(mirror.lagMs),
            "mirror_lag_p50_ms": mirror.hasLagP50Ms ? .number(mirror.lagP50Ms) : .null,
            "mirror_lag_p99_ms": mirror.hasLagP99Ms ? .number(mirror.lagP99Ms) : .null,
            "clock_offset_ms": mirror.hasClockOffsetMs ? .count(mirror.clockOffsetMs) : .null,
            "round_trip_us": mirror.hasRoundTripUs ? .count(mirror.roundTripUs) : .null,
            "apply_version": mirror.hasApplyVersion ? .count(mirror.applyVersion) : .null,
            "received_bytes": .count(mirror.receivedBytes), "received_batches": .count(mirror.receivedBatches),
            "lost_links": .count(mirror.lostLinks),
            "last_failure": mirror.lastFailure.isEmpty ? .null : .string(mirror.lastFailure),
            "stopped": .array(mirror.stopped.map(answer)),
        ])
    }

    private static func answer(_ event: Meridian_V1_OperatorEvent) -> JSONValue {
        .object([
            "act": .string(event.act), "at_ms": .count(event.atMs), "caller": .string(event.caller),
            "reason": .string(event.reason),
        ])
    }

    private static func answer(_ stopped: Meridian_V1_StoppedLog) -> JSONValue {
        .object([
            "region_number": .count(stopped.region), "topic": .count(stopped.topic),
            "partition": .count(stopped.partition),
            "incarnation": .string(String(stopped.incarnation, radix: 16)), "reason": .string(stopped.reason),
        ])
    }

    private static func answer(_ alarm: Meridian_V1_Alarm) -> JSONValue {
        .object([
            "name": .string(alarm.name), "detail": .string(alarm.detail),
            "runbook": alarm.runbook.isEmpty ? .null : .string(alarm.runbook),
        ])
    }
}

extension Meridian_V1_MirrorState {
    /// The state as answers and summaries write it.
    package var word: String {
        switch self {
        case .connected: "connected"
        case .lost: "lost"
        case .stopped: "stopped"
        default: "unknown"
        }
    }
}

extension Meridian_V1_ClockState {
    /// The verdict as answers and summaries write it.
    package var word: String {
        switch self {
        case .trusted: "trusted"
        case .alarm: "alarm"
        case .refusing: "refusing"
        default: "unknown"
        }
    }
}
