// Damage for people: as many lines as somebody reads, and what is left out said once.

package import EventLog

/// Lines of corrupt ranges.
package enum DamageLines {
    /// Ranges that are named one by one.
    package static let limit = 32

    /// Damage itself comes before what only follows a gap that it left: the one has to be mended, the other goes with it.
    package static func lines(_ ranges: [CorruptRange], limit: Int = limit) -> [String] {
        let following = ranges.filter(\.followsGap)
        let ordered = ranges.filter { !$0.followsGap } + following
        var lines = ordered.prefix(limit).map(\.line)
        let left = ordered.count - lines.count
        if left > 0 {
            let gaps = min(left, following.count)
            let what = gaps == 0 ? "" : gaps == left ? ", all behind gaps" : ", \(gaps) of them behind gaps"
            lines.append("\(left) more\(what); --json lists all")
        }
        return lines
    }
}

extension CorruptRange {
    /// For people.
    var line: String { "CORRUPT \(path) bytes \(bytes.lowerBound)..<\(bytes.upperBound): \(reason)" }
}
