// A metrics page as a scraper reads it: the text exposition format, version 0.0.4, with every rule of the format checked.

/// Families by name, each with what its lines say. Throws `PageError` at the first line that breaks the format.
package struct PrometheusPage: Sendable {
    package struct Sample: Hashable, Sendable {
        /// The family's name, or that with `_bucket`, `_sum` or `_count`.
        package var name: String
        package var labels: [String: String]
        package var value: Double
    }

    package struct Family: Sendable {
        package var name: String
        package var help: String?
        package var type: String?
        package var samples: [Sample] = []

        /// As HELP ends: `(unit: seconds)`.
        package var unit: String? {
            guard let match = help?.firstMatch(of: /\(unit: ([a-z]+)\)$/) else { return nil }
            return String(match.1)
        }

        /// The value of the one series with these labels.
        package func value(_ labels: [String: String] = [:]) -> Double? {
            samples.first { $0.name == name && $0.labels == labels }?.value
        }
    }

    package struct PageError: Error, CustomStringConvertible {
        package var description: String
    }

    package private(set) var families: [String: Family] = [:]

    package init(_ text: String) throws {
        guard text.hasSuffix("\n") else { throw PageError(description: "the last line has no end") }
        var current = ""
        var closed: Set<String> = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            let name = try read(String(line))
            guard name != current else { continue }
            // All lines of a family stand together.
            guard closed.insert(name).inserted else { throw PageError(description: "\(name) stands twice") }
            current = name
        }
        for family in families.values { try Self.check(family) }
    }

    /// The family that the line belongs to.
    private mutating func read(_ line: String) throws -> String {
        if let match = line.wholeMatch(of: /# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)/) {
            return try describe(String(match.1)) { family in
                guard family.help == nil, family.samples.isEmpty else { return false }
                family.help = String(match.2)
                return true
            }
        }
        if let match = line.wholeMatch(
            of: /# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram|summary|untyped)/)
        {
            return try describe(String(match.1)) { family in
                guard family.type == nil, family.samples.isEmpty else { return false }
                family.type = String(match.2)
                return true
            }
        }
        return try addSample(line)
    }

    private mutating func describe(_ name: String, _ change: (inout Family) -> Bool) throws -> String {
        var family = families[name] ?? Family(name: name)
        guard change(&family) else { throw PageError(description: "\(name) is described twice, or late") }
        families[name] = family
        return name
    }

    private mutating func addSample(_ line: String) throws -> String {
        let form = /([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (NaN|[+-]Inf|-?[0-9][0-9.eE+-]*)/
        guard let match = line.wholeMatch(of: form), let value = Self.number(String(match.3)) else {
            throw PageError(description: "no sample: \(line)")
        }
        let sample = Sample(
            name: String(match.1), labels: try Self.labels(match.2.map(String.init) ?? ""), value: value)
        let base = ["_bucket", "_sum", "_count"].first { sample.name.hasSuffix($0) }
            .map { String(sample.name.dropLast($0.count)) }
        let name = base.flatMap { families[$0]?.type == "histogram" ? $0 : nil } ?? sample.name
        guard families[name]?.type != nil else { throw PageError(description: "\(name) has no type above it") }
        guard families[name]?.samples.contains(where: { $0.name == sample.name && $0.labels == sample.labels }) == false
        else { throw PageError(description: "stands twice: \(line)") }
        families[name]?.samples.append(sample)
        return name
    }

    private static func number(_ text: String) -> Double? {
        switch text {
        case "NaN": .nan
        case "+Inf": .infinity
        case "-Inf": -.infinity
        default: Double(text)
        }
    }

    private static func labels(_ text: String) throws -> [String: String] {
        var labels: [String: String] = [:]
        var rest = Substring(text)
        while !rest.isEmpty {
            guard let match = rest.prefixMatch(of: /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/) else {
                throw PageError(description: "no labels: \(text)")
            }
            guard labels.updateValue(String(match.2), forKey: String(match.1)) == nil else {
                throw PageError(description: "a label twice: \(text)")
            }
            rest = rest[match.range.upperBound...]
        }
        return labels
    }

    // MARK: Values

    /// What the family's unit and type allow its values to be.
    private static func check(_ family: Family) throws {
        for sample in family.samples where !sample.value.isNaN {
            let value = sample.value
            let isCount =
                family.type == "counter" || sample.name.hasSuffix("_bucket") || sample.name.hasSuffix("_count")
            let isGood =
                switch isCount ? "count" : family.unit ?? "" {
                case "count", "bytes": value >= 0 && value == value.rounded() && value < 0x1p63
                case "flag": value == 0 || value == 1
                case "rank": value >= 0 && value <= 9 && value == value.rounded()
                case "ratio": value >= 0 && value <= 1
                // Nothing here is younger than a nanosecond, or older than the machines.
                case "seconds": value == 0 || (value >= 1e-9 && value < 1e11)
                case "milliseconds": value == 0 || (abs(value) >= 1e-6 && abs(value) < 1e14)
                default: value.isFinite
                }
            guard isGood else {
                throw PageError(description: "\(sample.name)\(sample.labels) is \(value) \(family.unit ?? "")")
            }
        }
    }
}
