// What a benchmark prints: one table for people, one JSON object for machines (INTERFACES, "meridian-bench").

import OperatorCommands

/// One measured configuration. Figures that do not apply are left out.
struct BenchResult {
    var name: String
    /// Connections, streams, rates: what the figure depends on.
    var parameters: [(key: String, value: String)]
    /// Names carry their units; in the order in which they are shown.
    var figures: [(key: String, value: Double)]
}

struct BenchReport {
    var area: String
    var results: [BenchResult]
    var ratios: [(key: String, value: Double)] = []
    /// Peers that are not installed, with the command that installs each.
    var skipped: [(name: String, command: String)] = []

    func json(_ machine: MachineFacts) -> String {
        let rows = results.map { result in
            JSONValue.object([
                "name": .string(result.name),
                "parameters": .object(result.parameters.map { .init(key: $0.key, value: .string($0.value)) }),
            ]).appending(result.figures)
        }
        return JSONValue.object([
            "area": .string(area),
            "machine": .object([
                "cpu": .string(machine.cpu), "cores": .count(machine.cores), "kernel": .string(machine.kernel),
                "swift": .string(machine.swift),
            ]),
            "commit": .string(machine.commit), "results": .array(rows),
            "ratios": .object(ratios.map { .init(key: $0.key, value: .number($0.value)) }),
            "skipped": .array(skipped.map { .object(["name": .string($0.name), "command": .string($0.command)]) }),
        ]).text
    }

    func table(_ machine: MachineFacts) -> String {
        var lines = ["\(area) on \(machine.cpu), \(machine.cores) cores, \(machine.kernel), commit \(machine.commit)"]
        for result in results {
            let parameters = result.parameters.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
            lines.append("  \(result.name)  \(parameters)")
            for figure in result.figures { lines.append("    \(figure.key)  \(Self.text(figure.value))") }
        }
        for ratio in ratios { lines.append("  \(ratio.key)  \(Self.text(ratio.value))") }
        for peer in skipped { lines.append("  skipped: \(peer.name) is not installed; \(peer.command)") }
        return lines.joined(separator: "\n")
    }

    private static func text(_ value: Double) -> String {
        value >= 100 ? String(Int(value.rounded())) : String((value * 100).rounded() / 100)
    }
}

extension JSONValue {
    /// An object with more members.
    fileprivate func appending(_ figures: [(key: String, value: Double)]) -> JSONValue {
        guard case .object(let members) = self else { return self }
        return .object(members + figures.map { Member(key: $0.key, value: .number($0.value)) })
    }
}
