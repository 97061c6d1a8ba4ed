// How the journal on this node's disk is kept: trimmed, verified, repaired.

package import EventLog

/// As of the last rounds. A value.
package struct LogUpkeepFacts: Hashable, Sendable {
    /// Why the oldest segment stays.
    package struct Hold: Hashable, Sendable {
        /// A word for metrics: "retention" is normal.
        package var reason: String
        package var detail: String
        /// The journal is older or larger than retention allows, and something else holds it (S5).
        package var isOverdue: Bool

        package init(reason: String, detail: String, isOverdue: Bool) {
            self.reason = reason
            self.detail = detail
            self.isOverdue = isOverdue
        }
    }

    /// What keeps the journal from taking anything more; it goes on by itself once that has gone.
    package enum Standstill: Hashable, Sendable {
        /// The file system of `directory` has less room than the next segment takes.
        case disk(directory: String, needed: UInt64)
        /// The journal has all of `log.max_bytes`.
        case bound
        /// The process may open no more files.
        case descriptors
    }

    /// Nil while writes are taken.
    package var standstill: Standstill?
    package var journalBytes: UInt64 = 0
    package var segments = 0
    package var freeBytes: UInt64 = 0
    /// Age of the newest record in the oldest segment; nil where no segment is complete.
    package var oldestSeconds: UInt64?
    /// What the journal may come to: at half of it people are told, at all of it appends are refused. 0 for no bound.
    package var boundBytes: UInt64 = 0
    /// How old the oldest records may be that are kept, at most; nil where no segment is complete.
    package var personalDataSeconds: UInt64?
    /// How old personal data may become in the journal (S8); 0 for no bound.
    package var personalDataMaximumSeconds: UInt64 = 0
    /// Since the start.
    package var trimmedSegments: UInt64 = 0
    package var trimmedBytes: UInt64 = 0
    package var hold: Hold?
    /// Readers that lost records because they were further behind than `log.pin_max_bytes` allows.
    package var brokenPins: [String] = []
    /// How long ago the segment was verified, or first seen, that waits longest for it; nil while nothing is scrubbed.
    package var unverifiedSeconds: UInt64?
    package var scrubbedBytes: UInt64 = 0
    package var scrubbedSegments: UInt64 = 0
    /// Ranges that do not verify now, for people.
    package var corruptRanges: [String] = []
    package var repairedSegments: UInt64 = 0
    /// Tries after which something was still missing.
    package var failedRepairs: UInt64 = 0

    /// Copies of this directory's own files that did not verify when it was opened.
    package var damagedFiles: UInt64 = 0
    /// Of the region that has most of them; nil before the first round (S1b).
    package var unsettled: UnsettledStarts?
    /// Why this start has opened nothing and refuses writes (S1b); nil once it takes them.
    package var writesHeld: String?

    package var snapshots = SnapshotFacts()
    /// Why the journal's files are not where they were; nil while they are.
    package var lostDirectory: String?

    package init() {}

    /// How long the oldest personal data may still stay; zero where it has to be gone. Nil where there is none, or no bound.
    package var personalDataSecondsLeft: UInt64? {
        guard let age = personalDataSeconds, personalDataMaximumSeconds > 0 else { return nil }
        return personalDataMaximumSeconds - min(age, personalDataMaximumSeconds)
    }

    package var isPersonalDataOverdue: Bool { personalDataSecondsLeft == 0 }
}

extension NodeControl {
    /// A node without a journal of its own keeps none.
    package var upkeep: LogUpkeepFacts { LogUpkeepFacts() }
}
