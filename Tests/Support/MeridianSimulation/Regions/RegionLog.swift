// What the nodes of a run write to their logs: into the trace, and the alarms that no run may have into the ledger.

import Logging
import SimulatedEnvironment

/// One region's handler.
struct RegionLog: LogHandler {
    let name: String
    let scheduler: SimulationScheduler
    let ledger: RegionLedger
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .notice

    /// Faults of machines, links, clocks and disks, within what the rules promise, never lead here.
    private static let forbidden = [
        "a mirrored log stands still", "a region reports a cursor on another chain",
        "the ends of a log cannot be agreed; see Runbooks/mirror-stopped.md",
    ]
    private static let rare: [String: RarePath] = [
        "ends agreed": .agreementReached,
        "the ends of older incarnations are not reached yet; collecting seals again": .sealsCollectedAgain,
        "snapshot refused": .snapshotRefused,
        "writes are refused; see Runbooks/clock-refused.md": .clockGuardClosed,
        "bootstrapped": .bootstrapped,
        "two processes of one region wrote at once; see Runbooks/region-claimed.md": .lineBesideItself,
    ]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let text = "\(event.message)"
        let facts = (event.metadata ?? [:]).map { "\($0.key)=\($0.value)" }.sorted().joined(separator: " ")
        scheduler.note("\(name) \(event.level) \(text) \(facts)")
        if let path = Self.rare[text] { ledger.saw(path) }
        if Self.forbidden.contains(text) { ledger.violated("alarm", "\(name): \(text) \(facts)") }
    }
}
