// What a simulated run found.

/// A rule of SEMANTICS that did not hold, and how that was seen.
package struct Violation: Hashable, Sendable, CustomStringConvertible {
    package var seed: UInt64
    /// "S5", "S6", "S10", "S12"…, or "run" for a run that did not end.
    package var rule: String
    package var reason: String

    package init(seed: UInt64, rule: String, reason: String) {
        self.seed = seed
        self.rule = rule
        self.reason = reason
    }

    package var description: String { "seed \(seed), \(rule): \(reason)" }
}

/// Events of the run that tests want to have seen at least once over many seeds.
package enum RarePath: String, Hashable, Sendable, CaseIterable {
    case powerCutInFileOperation = "power_cut_in_file_operation"
    case powerCut = "power_cut"
    case processKilled = "process_killed"
    case crashDuringStart = "crash_during_start"
    case outcomeUnknown = "outcome_unknown"
    case duplicateAnswered = "duplicate_answered"
    case bufferedLost = "buffered_lost"
    case lostTailAnswered = "lost_tail_answered"
    case sessionCarriedOverRestart = "session_carried_over_restart"
    case snapshotWritten = "snapshot_written"
    case connectionLost = "connection_lost"
    case consumerBeganAgain = "consumer_began_again"
    case commitUnknown = "commit_unknown"

    // MARK: Of stops

    case stopped = "stopped"
    case stoppedWhileStarting = "stopped_while_starting"
    case stoppedOnStalledDisk = "stopped_on_stalled_disk"
    case stopForced = "stop_forced"

    // MARK: Of several regions

    case everyPowerCut = "every_power_cut"
    case partitioned = "partitioned"
    case requestDuplicated = "request_duplicated"
    case messageDelayed = "message_delayed"
    case clockFault = "clock_fault"
    case clockRefused = "clock_refused"
    case wipedDisk = "wiped_disk"
    case oldDisk = "old_disk"
    case copiedDisk = "copied_disk"
    case tailLost = "tail_lost"
    case localLostWithDisk = "local_lost_with_disk"
    case lostTailProbed = "lost_tail_probed"
    case tailQuarantined = "tail_quarantined"
    case endsAgreed = "ends_agreed"
    case rebuildAnswered = "rebuild_answered"
    case remoteNotReached = "remote_not_reached"
    case sentThroughTwoRegions = "sent_through_two_regions"
    case sameEventInTwoLogs = "same_event_in_two_logs"
    case eventRefused = "event_refused"
    case outOfBoundsRefused = "out_of_bounds_refused"
    case idsForgotten = "ids_forgotten"
    case vectorsMet = "vectors_met"
    case survivorsSurveyed = "survivors_surveyed"
    case catchUpSkipped = "catch_up_skipped"
    case agreementReached = "agreement_reached"
    case sealsCollectedAgain = "seals_collected_again"
    case snapshotRefused = "snapshot_refused"
    case clockGuardClosed = "clock_guard_closed"
    case journalTrimmed = "journal_trimmed"
    case bootstrapped = "bootstrapped"
    case lineBesideItself = "line_beside_itself"

    /// What runs of one region must meet.
    package static let ofOneRegion: [RarePath] = [
        .powerCutInFileOperation, .powerCut, .processKilled, .crashDuringStart, .outcomeUnknown, .duplicateAnswered,
        .bufferedLost, .lostTailAnswered, .sessionCarriedOverRestart, .snapshotWritten, .connectionLost,
        .consumerBeganAgain,
    ]

    /// What runs with stops must meet.
    package static let ofStops: [RarePath] = [.stopped, .stoppedWhileStarting, .stoppedOnStalledDisk, .stopForced]

    /// What runs of several regions must meet.
    package static let ofRegions: [RarePath] = [
        .powerCutInFileOperation, .powerCut, .processKilled, .crashDuringStart, .outcomeUnknown, .duplicateAnswered,
        .lostTailAnswered, .snapshotWritten, .connectionLost, .everyPowerCut, .partitioned, .requestDuplicated,
        .messageDelayed, .clockFault, .clockRefused, .wipedDisk, .oldDisk, .copiedDisk, .tailLost, .localLostWithDisk,
        .lostTailProbed, .endsAgreed, .remoteNotReached, .sentThroughTwoRegions, .sameEventInTwoLogs, .eventRefused,
        .outOfBoundsRefused, .idsForgotten, .vectorsMet, .survivorsSurveyed, .agreementReached,
        .clockGuardClosed,
    ]
}

/// The result of one seed.
package struct ScenarioReport: Sendable {
    package var seed: UInt64
    package var violations: [Violation] = []
    package var rarePaths: [RarePath: Int] = [:]
    package var acknowledged = 0
    package var restarts = 0
    package var simulated = Duration.zero
    package var steps: UInt64 = 0
    package var traceHash: UInt64 = 0
    /// Filled when a trace was asked for.
    package var trace: [String] = []

    init(seed: UInt64) { self.seed = seed }
}
