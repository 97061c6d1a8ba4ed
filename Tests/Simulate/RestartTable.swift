// `simulate --restarts N`: a life of many restarts, with figures at 10, 100, 1,000 and so on.

import MeridianSimulation
import OperatorCommands

/// What the life had come to at each mark, and what did not hold.
struct RestartTable {
    private(set) var rows: [(figures: RestartFigures, seconds: Double)] = []
    private(set) var wrong: [String] = []

    /// Throws where a region does not come back.
    init(seed: UInt64, regions: Int, partitions: Int, restarts: Int) throws {
        let life = try RestartLife(seed: seed, regions: regions, partitions: partitions)
        let clock = ContinuousClock()
        try life.begin()
        var (done, next) = (0, 10)
        while done < restarts {
            let mark = min(next, restarts)
            let begun = clock.now
            let figures = try life.restart(mark - done)
            rows.append((figures, begun.duration(to: clock.now) / .seconds(1) / Double(mark - done)))
            Console.progress(line(rows.count - 1))
            (done, next) = (mark, next.multipliedReportingOverflow(by: 10).partialValue)
        }
        wrong = try life.verify()
    }

    private static let names = [
        "restarts", "logs", "pull_bytes", "reply_bytes", "start_ms", "disk_bytes", "disk_files", "lineage_bytes",
        "steps_per_restart",
    ]

    private static func values(_ figures: RestartFigures) -> [UInt64] {
        let sizes = [figures.restarts, figures.logs, figures.pullBytes, figures.replyBytes].map { UInt64(clamping: $0) }
        let disk = [figures.diskBytes, figures.diskFiles, figures.lineageBytes].map { UInt64(clamping: $0) }
        return sizes + [figures.startMilliseconds] + disk + [figures.stepsPerRestart]
    }

    private func line(_ index: Int) -> String {
        let row = rows[index]
        let cells = zip(Self.names, Self.values(row.figures)).map { "\($0) \($1)" }
        return cells.joined(separator: ", ") + ", seconds_per_restart \(row.seconds)"
    }

    var text: String {
        (rows.indices.map(line) + wrong.map { "does not hold: \($0)" }).joined(separator: "\n")
    }

    var json: JSONValue {
        .object(["marks": .array(rows.map(Self.json)), "wrong": .array(wrong.map { .string($0) })])
    }

    private static func json(_ row: (figures: RestartFigures, seconds: Double)) -> JSONValue {
        let counts = zip(names, values(row.figures)).map { JSONValue.Member(key: $0, value: .count($1)) }
        return .object(counts + [JSONValue.Member(key: "seconds_per_restart", value: .number(row.seconds))])
    }
}
