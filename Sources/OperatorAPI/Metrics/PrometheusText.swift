// The text exposition format of Prometheus, version 0.0.4.
//
// A metric is a line `# HELP name text`, a line `# TYPE name type`, then a line a sample: name, labels in braces, a space, the value.

/// Builds one page.
struct PrometheusText {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private(set) var text = ""
    private var current = ""

    /// Begins a metric; its samples follow. The same name again begins nothing.
    mutating func metric(_ name: String, _ type: SeriesType) {
        guard name != current else { return }
        current = name
        if let family = MetricFamilies.byName[name] { text += "# HELP \(name) \(Self.escapedHelp(family.help))\n" }
        text += "# TYPE \(name) \(type.rawValue)\n"
    }

    mutating func sample(_ name: String, _ labels: String, _ value: String) {
        text += name
        if !labels.isEmpty { text += "{\(labels)}" }
        text += " \(value)\n"
    }

    /// A name of the format: letters, digits and underscores, not beginning with a digit; others become underscores.
    static func name(_ text: String) -> String {
        let isValid = text.utf8.enumerated().allSatisfy { isNameByte($0.element, isFirst: $0.offset == 0) }
        if isValid, !text.isEmpty { return text }
        let bytes = text.utf8.enumerated().map {
            isNameByte($0.element, isFirst: $0.offset == 0) ? $0.element : UInt8(ascii: "_")
        }
        return bytes.isEmpty ? "_" : String(decoding: bytes, as: UTF8.self)
    }

    /// A label's value: backslash, quote and line feed are escaped.
    static func escaped(_ value: String) -> String {
        guard value.utf8.contains(where: { $0 == 0x5c || $0 == 0x22 || $0 == 0x0a }) else { return value }
        return value.reduce(into: "") { text, character in
            switch character {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.append(character)
            }
        }
    }

    /// A HELP line's text: backslash and line feed are escaped.
    static func escapedHelp(_ text: String) -> String {
        text.reduce(into: "") { escaped, character in
            switch character {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            default: escaped.append(character)
            }
        }
    }

    /// Integers without a fraction; other numbers as the shortest text that reads back.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value.magnitude < 1e15, value == value.rounded() { return "\(Int64(value))" }
        return "\(value)"
    }

    private static func isNameByte(_ byte: UInt8, isFirst: Bool) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"): !isFirst
        default: false
        }
    }
}

extension MetricsRegistry {
    /// The page that a scraper reads.
    package func page() -> String {
        let (series, dropped) = collected()
        var text = PrometheusText()
        for (key, series) in series {
            text.metric(key.name, series.type)
            series.write(key, into: &text)
        }
        text.metric("meridian_metrics_dropped_series", .gauge)
        text.sample("meridian_metrics_dropped_series", "", "\(dropped)")
        return text.text
    }
}
