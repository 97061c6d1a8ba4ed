// What a deployment had come to after so many restarts.

import OperatorCommands

/// A value. Of several regions, the most of any.
struct RestartMark {
    var restarts: Int
    // Since the mark before.
    var startsAfterKill: [Duration] = []
    var startsAfterStop: [Duration] = []
    /// From the start of the process to the first acknowledged event.
    var firstEvents: [Duration] = []
    var stops: [Duration] = []
    /// Logs that a node knew when the next restart began.
    var logsPeak = 0
    var eventsPerSecond = 0.0
    // Of one start while nobody writes.
    var startBytes: [(key: String, value: Double)] = []
    // Once all of it is settled.
    var isConverged = false
    var isSettled = false
    var logs = 0
    var unsettled = 0.0
    var callBytes = 0.0
    var answerBytes = 0.0
    var diskBytes: UInt64 = 0
    var diskFiles = 0
    var lineageBytes: UInt64 = 0
    var basesBytes: UInt64 = 0
    var snapshotBytes: UInt64 = 0
    var processes: [(key: String, value: Double)] = []

    init(restarts: Int) { self.restarts = restarts }

    private static func milliseconds(_ durations: [Duration], _ fraction: Double) -> Double {
        let sorted = durations.sorted()
        guard let last = sorted.indices.last else { return 0 }
        return sorted[Int(Double(last) * fraction)] / .milliseconds(1)
    }

    /// In the order in which they are shown.
    private var figures: [(key: String, value: Double)] {
        var figures: [(key: String, value: Double)] = []
        for (name, durations) in [
            ("start_after_kill", startsAfterKill), ("start_after_stop", startsAfterStop),
            ("first_event", firstEvents), ("stop", stops),
        ] {
            figures.append(("\(name)_p50_ms", Self.milliseconds(durations, 0.5)))
            figures.append(("\(name)_max_ms", Self.milliseconds(durations, 1)))
        }
        figures += [
            ("logs", Double(logs)), ("logs_peak", Double(logsPeak)), ("unsettled_starts", unsettled),
            ("settled", isSettled ? 1 : 0), ("digests_equal", isConverged ? 1 : 0),
        ]
        figures += startBytes.map { (key: "start_\($0.key)_bytes", value: $0.value) }
        figures += [("mesh_call_bytes", callBytes), ("mesh_answer_bytes", answerBytes)]
        figures += [
            ("lineage_bytes", Double(lineageBytes)), ("bases_bytes", Double(basesBytes)),
            ("snapshot_bytes", Double(snapshotBytes)), ("disk_bytes", Double(diskBytes)),
            ("disk_files", Double(diskFiles)),
        ]
        return figures + processes + [("events_per_second", eventsPerSecond)]
    }

    func result(_ plan: RestartsBench.Plan, _ ledger: BenchLedger) -> BenchResult {
        BenchResult(
            name: "restarts",
            parameters: [
                ("restarts", "\(restarts)"), ("regions", "\(plan.regions)"), ("partitions", "\(plan.partitions)"),
                ("rate", "\(plan.rate)"),
            ],
            figures: figures + [
                ("acknowledged_events", Double(ledger.acknowledged)), ("given_up_events", Double(ledger.unknown)),
            ])
    }

    var line: String {
        let cells = figures.map { "\($0.key) \(Int($0.value.rounded()))" }
        return "after \(restarts): " + cells.joined(separator: ", ")
    }

    /// What must not grow with the number of restarts: the last mark beside the first.
    static func ratios(_ marks: [RestartMark]) -> [(key: String, value: Double)] {
        guard let first = marks.first, let last = marks.last, marks.count > 1 else { return [] }
        let names = [
            "first_event_p50_ms", "logs", "logs_peak", "mesh_call_bytes", "mesh_answer_bytes", "lineage_bytes",
            "disk_bytes", "disk_files", "survivor_resident_bytes", "survivor_descriptors",
        ]
        return zip(first.figures, last.figures).filter { names.contains($0.0.key) }.map { before, after in
            (key: "\(before.key)_last_vs_first", value: after.value / max(1, before.value))
        }
    }
}
