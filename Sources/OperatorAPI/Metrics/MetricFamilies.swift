// What each family of the metrics page is, and in which unit: the text of its HELP line.

/// What a sample counts or measures.
enum MetricUnit: String, Hashable, Sendable {
    case seconds
    case milliseconds
    case bytes
    /// Whole numbers.
    case count
    /// From 0 to 1.
    case ratio
    /// 0 for no, 1 for yes.
    case flag
    /// 0 is well; the text says what the others are.
    case rank
}

/// One family: all series of one name.
struct MetricFamily: Hashable, Sendable {
    let name: String
    let unit: MetricUnit
    let text: String

    /// As the page has it.
    var help: String { "\(text) (unit: \(unit.rawValue))" }
}

/// Every family that a node has. A family without a row has no HELP line; tests find it.
enum MetricFamilies {
    static let all: [MetricFamily] = [
        node, calls, access, admission, streams, mirror, bootstrap, log, snapshots, links, states,
    ]
    .flatMap(\.self)

    static let byName = Dictionary(all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

    private static func row(_ name: String, _ unit: MetricUnit, _ text: String) -> MetricFamily {
        MetricFamily(name: name, unit: unit, text: text)
    }

    private static let node: [MetricFamily] = [
        row("meridian_node_state", .flag, "1 for the state that the node is in."),
        row("meridian_clock_state", .rank, "The clock guard: 0 trusts the wall clock, 1 alarm, 2 refuses writes."),
        row("meridian_alarms", .count, "Alarms of a name that stand."),
        row("meridian_credential_days_left", .count, "Days until the first certificate or list of a kind ends."),
        row("meridian_metrics_dropped_series", .count, "Series beyond the registry's bound, which count nowhere."),
    ]

    private static let calls: [MetricFamily] = [
        row("meridian_calls_total", .count, "Calls that ended, by method and status."),
        row("meridian_call_duration_seconds", .seconds, "From a call's hand-over to its answer, by method."),
        row("meridian_calls_in_flight", .count, "User calls under way."),
        row("meridian_request_in_flight_bytes", .bytes, "Bytes of the requests of calls under way."),
        row("meridian_client_calls_total", .count, "Calls by the name in the caller's certificate."),
        row("meridian_refusals_total", .count, "Refused calls by the reason in ErrorInfo."),
        row("meridian_events_total", .count, "Reported events by what became of them."),
        row("meridian_event_refusals_total", .count, "Events that were refused in answered calls, by code."),
        row("meridian_context_fields_ignored_total", .count, "Fields of a request's context that say nothing known."),
        row("meridian_sessions_unopened_total", .count, "Reads served without their session: its key is not here."),
    ]

    private static let access: [MetricFamily] = [
        row("meridian_access_denied_total", .count, "Calls that the access rules refused, by client and method.")
    ]

    private static let admission: [MetricFamily] = [
        row(
            "meridian_admission_queue_age_seconds", .seconds, "Age of the oldest queue of calls that stands on a loop."),
        row("meridian_admission_flush_age_seconds", .seconds, "How long the oldest write has waited for the disk."),
        row("meridian_admission_share_ratio", .ratio, "The part of a class of calls that is let in."),
        row("meridian_admission_refusals_total", .count, "Calls refused for load, by class and reason."),
        row("meridian_admission_expired_total", .count, "Calls whose deadline had passed before their turn, by class."),
    ]

    private static let streams: [MetricFamily] = [
        row("meridian_stream_effects_total", .count, "Effects sent to subscribers."),
        row("meridian_stream_replies_total", .count, "Messages sent to subscribers."),
        row(
            "meridian_stream_skips_total", .count,
            "Partitions that went on for a subscriber behind effects that were trimmed."),
        row("meridian_stream_replays_total", .count, "Consumers that fell behind the live effects and read the log."),
        row("meridian_stream_replays_revoked_total", .count, "Replays that stood still while others waited."),
        row("meridian_stream_replays_running", .count, "Replays under way."),
        row("meridian_stream_commits_total", .count, "Cursors written."),
        row("meridian_stream_commit_failures_total", .count, "Cursors that the disk refused."),
        row("meridian_stream_subscribers", .count, "Calls of Subscribe under way."),
        row("meridian_stream_groups", .count, "Groups of consumers."),
        row("meridian_stream_groups_damaged", .count, "Groups whose cursor does not verify."),
        row("meridian_stream_lag_events", .count, "Records that a group has not committed."),
        row("meridian_stream_lag_seconds", .seconds, "Age of the oldest record that a group has not committed."),
    ]

    private static let mirror: [MetricFamily] = [
        row("meridian_mirror_unmirrored_events", .count, "Own flushed records that no other region has flushed."),
        row("meridian_mirror_connected", .flag, "Whether the region answers."),
        row("meridian_mirror_lag_events", .count, "Records of the region that are not here."),
        row("meridian_mirror_lag_ms", .milliseconds, "Age of the oldest record of the region that is not here."),
        row("meridian_mirror_lag_seconds", .seconds, "Age of the oldest record of the region that is not here."),
        row("meridian_mirror_lag_p50_ms", .milliseconds, "From a record's stamp to the disk here, median of a minute."),
        row("meridian_mirror_lag_p99_ms", .milliseconds, "The same, 99th percentile; not a number without records."),
        row(
            "meridian_mirror_silence_seconds", .seconds,
            "Since the region was heard; not a number before the first time."),
        row(
            "meridian_mirror_clock_offset_ms", .milliseconds,
            "The region's wall clock less this node's; may be negative."),
        row("meridian_mirror_stopped_logs", .count, "Logs of the region that stand still here, and why is known."),
        row("meridian_mirror_standing_logs", .count, "Logs that stand still although the region has more of them."),
        row("meridian_mirror_silent_seconds", .seconds, "How long a connected region has told nothing new."),
        row("meridian_mirror_terms_differ", .count, "Terms in which the region differs from this one."),
        row("meridian_mirror_link_refused", .flag, "Whether a difference of terms refuses the link."),
        row("meridian_mirror_received_bytes", .bytes, "Received from the region since the start."),
        row("meridian_mirror_lost_links", .count, "Links to the region that were lost since the start."),
    ]

    private static let bootstrap: [MetricFamily] = [
        row("meridian_bootstrap_waiting", .count, "States that wait for a snapshot of another region."),
        row("meridian_bootstrap_done", .count, "States that have gone on from one since the start."),
        row("meridian_bootstrap_bytes", .bytes, "Of the snapshots of those."),
        row("meridian_bootstrap_position_bytes", .bytes, "How far the snapshot that is fetched has come."),
        row("meridian_bootstrap_length_bytes", .bytes, "The length of the snapshot that is fetched."),
    ]

    private static let log: [MetricFamily] = [
        row("meridian_log_journal_bytes", .bytes, "The journal's files."),
        row("meridian_log_segments", .count, "The journal's segments."),
        row("meridian_log_free_bytes", .bytes, "Free on the journal's file system."),
        row("meridian_log_oldest_seconds", .seconds, "Age of the oldest complete segment; not a number without one."),
        row("meridian_log_bound_bytes", .bytes, "What the journal may come to; 0 for no bound."),
        row(
            "meridian_log_personal_data_seconds", .seconds,
            "How old the oldest personal data may be that is kept; not a number without a complete segment."),
        row(
            "meridian_log_personal_data_left_seconds", .seconds,
            "How long the oldest personal data may still stay; not a number without any, or without a maximum."),
        row(
            "meridian_log_damaged_files", .count,
            "Copies of the directory's own files that did not verify at the start."
        ),
        row("meridian_log_trimmed_segments", .count, "Segments trimmed since the start."),
        row("meridian_log_trimmed_bytes", .bytes, "Trimmed since the start."),
        row("meridian_log_trim_held", .flag, "1 for what holds the oldest segment."),
        row("meridian_log_trim_overdue", .flag, "Whether the journal is beyond its retention and is held."),
        row("meridian_log_broken_pins", .count, "Readers that lost records because they were too far behind."),
        row("meridian_log_unverified_seconds", .seconds, "Since the segment that waits longest was verified."),
        row("meridian_log_scrubbed_bytes", .bytes, "Verified since the start."),
        row("meridian_log_scrubbed_segments", .count, "Segments verified since the start."),
        row("meridian_log_corrupt_ranges", .count, "Ranges on the disk that do not verify."),
        row("meridian_log_repaired_segments", .count, "Segments repaired since the start."),
        row("meridian_log_failed_repairs", .count, "Repairs after which something was still missing."),
        row(
            "meridian_log_unsettled_starts", .count,
            "Starts of the region that has most of them, before its newest, that are not settled everywhere."),
        row(
            "meridian_log_disk_full", .flag,
            "Whether writes are refused, since the journal has no room for another segment."),
        row("meridian_log_directory_lost", .flag, "Whether the data directory was deleted or replaced."),
    ]

    private static let snapshots: [MetricFamily] = [
        row(
            "meridian_snapshot_oldest_seconds", .seconds, "Age of the newest snapshot of the shard that waits longest."),
        row("meridian_snapshot_failures", .count, "Snapshots that could not be written since the start."),
        row("meridian_snapshot_failing", .count, "Shards whose last snapshot could not be written."),
        row("meridian_snapshot_unpaired", .count, "Shards with fewer verified snapshots than are kept."),
        row("meridian_snapshot_overdue", .flag, "Whether a snapshot is too old."),
    ]

    private static let states: [MetricFamily] = [
        row("meridian_catalogue_items", .count, "Items of the catalogue, expired ones included."),
        row("meridian_catalogue_expired_items", .count, "Items that have expired and are not withdrawn."),
        row("meridian_catalogue_tombstones", .count, "Withdrawn ids that an older publication could still bring back."),
        row("meridian_catalogue_limit", .count, "What the items may come to (limits.contents)."),
        row("meridian_user_rows", .count, "Users in memory."),
        row("meridian_user_rows_limit", .count, "What they may come to, over all partitions."),
        row("meridian_user_marker_rows", .count, "Rows that hold only markers of erasures and withdrawals."),
        row("meridian_user_marker_rows_limit", .count, "Where erasures of unknown users are refused."),
    ]

    private static let links: [MetricFamily] = [
        row("meridian_link_connections_accepted", .count, "Connections accepted since the start, by listener."),
        row("meridian_link_connections_closed", .count, "Connections closed."),
        row("meridian_link_connections_open", .count, "Connections that are open."),
        row("meridian_link_connections_waiting", .count, "Connections that have not introduced themselves yet."),
        row("meridian_link_connections_limit", .count, "Connections that may be open."),
        row("meridian_link_connections_refused", .count, "Connections closed at once because of the limit."),
        row(
            "meridian_link_connections_evicted", .count,
            "Connections closed to make room: not introduced yet, or refused by the handler."),
        row("meridian_link_connections_revoked", .count, "Connections closed because a list names their certificate."),
        row("meridian_link_accept_pauses", .count, "Pauses in accepting because the system had no descriptor left."),
        row("meridian_link_handshakes_failed", .count, "TLS handshakes that failed or took too long."),
        row("meridian_link_protocol_errors", .count, "Connections that broke HTTP/2's rules."),
        row("meridian_link_calls", .count, "Calls handed over."),
        row("meridian_link_calls_failed", .count, "Calls that ended with another status than OK."),
        row("meridian_link_calls_expired", .count, "Calls whose deadline passed."),
        row("meridian_link_calls_dropped", .count, "Those of them that were not begun."),
        row("meridian_link_calls_cancelled", .count, "Calls whose caller went away."),
        row("meridian_link_calls_refused", .count, "Calls that never reached a service."),
        row("meridian_link_requests_timed_out", .count, "Requests whose bytes did not arrive in time."),
        row("meridian_link_connections_silent", .count, "Connections ended because nothing was heard."),
        row("meridian_link_connections_stalled", .count, "Connections ended because nothing was taken."),
        row("meridian_link_connections_trickling", .count, "Connections ended because no frame was ever whole."),
        row("meridian_link_connections_retired", .count, "Connections told to go because of age or idleness."),
        row("meridian_link_connections_flooding", .count, "Connections ended because of floods."),
        row("meridian_link_received_bytes", .bytes, "Received, by listener."),
        row("meridian_link_sent_bytes", .bytes, "Sent, by listener."),
    ]
}
