// A journal that can take nothing more: what is missing, how much there is, and what ends it. Pure.

extension NodeAlarm {
    /// Nil while writes are taken.
    static func standstill(_ upkeep: LogUpkeepFacts) -> String? {
        switch upkeep.standstill {
        case nil: nil
        case .disk(let directory, let needed):
            "writes are refused: the file system of \(directory) has \(upkeep.freeBytes) bytes free, the next segment needs "
                + "\(needed); free space there, and they are taken again by themselves"
        case .bound:
            "writes are refused: the journal has \(upkeep.journalBytes) bytes, all that log.max_bytes (\(upkeep.boundBytes)) "
                + "allows; \(upkeep.hold.map { "it is held: \($0.detail)" } ?? "raise log.max_bytes")"
        case .descriptors:
            "writes are refused: the process may open no more files, and the next segment is one; raise its limit "
                + "(LimitNOFILE, ulimit -n) and restart it"
        }
    }
}
