// What `meridian log repair` says, for people and for programs.

import ClusterModel
import EventLog

/// The outcome of one run.
package struct RepairAnswer: Sendable {
    private let segments: [MendedSegment]
    private let directory: String
    private let isAsking: Bool

    /// `isAsking`: other regions were to be asked.
    package init(_ segments: [MendedSegment], directory: String, isAsking: Bool) {
        self.segments = segments
        self.directory = directory
        self.isAsking = isAsking
    }

    /// Nothing is damaged, or not any more.
    package var isWhole: Bool { segments.allSatisfy(\.isWhole) }

    package var json: JSONValue {
        .object([
            "directory": .string(directory), "whole": .boolean(isWhole),
            "segments": .array(
                segments.map { segment in
                    .object([
                        "path": .string(segment.path), "repaired": .boolean(segment.isWhole),
                        "damage": .array(segment.damage.map(JSONValue.init)),
                        "needs": .array(segment.needs.map(Self.json)),
                        "lost": .array(segment.lost.map(JSONValue.init)),
                    ])
                }),
        ])
    }

    private static func json(_ need: RepairNeed) -> JSONValue {
        var end = JSONValue.null
        if case .end(let to, _) = need.goal { end = .count(to.rawValue) }
        return .object(["log": .string(need.log.description), "from": .count(need.from.rawValue), "to": end])
    }

    package var text: String {
        if segments.isEmpty { return "\(directory): every byte verifies" }
        var lines: [String] = []
        for segment in segments {
            lines += DamageLines.lines(segment.damage)
            lines += Self.bounded(segment.needs.map { "  needs \(Self.name($0)) from another region" })
            lines += Self.bounded(
                segment.lost.map {
                    "  cannot be asked for: bytes \($0.bytes.lowerBound)..<\($0.bytes.upperBound): \($0.reason)"
                })
            if segment.isWhole { lines.append("  REPAIRED: all of the segment verifies") }
        }
        if !isWhole { lines.append("next: \(nextStep)") }
        return lines.joined(separator: "\n")
    }

    private static func bounded(_ lines: [String]) -> [String] {
        let left = lines.count - DamageLines.limit
        return left > 0 ? lines.prefix(DamageLines.limit) + ["  \(left) more; --json lists all"] : lines
    }

    private static func name(_ need: RepairNeed) -> String {
        switch need.goal {
        case .end(let to, _): "\(need.log) offsets \(need.from.rawValue)..<\(to.rawValue)"
        case .batches(let traces): "\(need.log) offsets from \(need.from.rawValue), \(traces.count) batches"
        }
    }

    private var nextStep: String {
        guard isAsking else {
            return "meridian log repair --config FILE, with the node's configuration, asks other regions"
        }
        return "start a region that holds it, or name one with --from, and run it again; where there is none, "
            + "see Runbooks/log-corruption.md"
    }
}
