// A mapping of the YAML tree while it is read: hands out typed values and remembers which keys were asked for, so that
// what was not asked for is an unknown key.

import Yams

/// Every value of a configuration that was read, by its dotted key: as it counts, whether it stands in the file or is a
/// default. While a file is read only.
final class ConfigurationValues {
    fileprivate(set) var byKey: [String: String] = [:]
}

/// One mapping. Every reader names a key once; `finish()` refuses the rest.
struct ConfigurationSection {
    let file: String
    /// Dotted, empty for the root.
    let path: String
    private let node: Node?
    private let values: ConfigurationValues
    private var asked: Set<String> = []

    /// A `node` that is nil stands for a section that is left out: every key then has its default.
    init(
        file: String, path: String, node: Node?, values: ConfigurationValues = ConfigurationValues()
    ) throws(ConfigurationError) {
        self.values = values
        self.file = file
        self.path = path
        self.node = node
        if let node, node.mapping == nil {
            throw ConfigurationError(
                code: .wrongType, file: file, location: node.location, key: path, message: "a mapping is needed here")
        }
    }

    mutating func section(_ key: String) throws(ConfigurationError) -> ConfigurationSection {
        try ConfigurationSection(file: file, path: dotted(key), node: value(key), values: values)
    }

    /// Nil where it is left out.
    mutating func optionalSection(_ key: String) throws(ConfigurationError) -> ConfigurationSection? {
        asked.insert(key)
        return isPresent(key) ? try section(key) : nil
    }

    /// The elements of a list of mappings; none when the key is left out.
    mutating func sections(_ key: String, limit: Int) throws(ConfigurationError) -> [ConfigurationSection] {
        var sections: [ConfigurationSection] = []
        for (index, element) in try elements(key, limit: limit).enumerated() {
            sections.append(
                try ConfigurationSection(
                    file: file, path: "\(dotted(key))[\(index)]", node: element, values: values))
        }
        return sections
    }

    mutating func strings(_ key: String, limit: Int) throws(ConfigurationError) -> [String] {
        var texts: [String] = []
        for element in try elements(key, limit: limit) {
            texts.append(try text(of: element, key, "a list of texts is needed"))
        }
        note(key, texts.joined(separator: ", "))
        return texts
    }

    mutating func string(_ key: String, default fallback: String? = nil) throws(ConfigurationError) -> String {
        guard let node = value(key) else {
            guard let fallback else { throw failure(.missingKey, key, self.node, "this key has no default") }
            note(key, fallback)
            return fallback
        }
        let text = try text(of: node, key, "a text is needed")
        note(key, text)
        return text
    }

    private func text(of node: Node, _ key: String, _ need: String) throws(ConfigurationError) -> String {
        guard let scalar = ConfigurationScalar(node), !scalar.text.isEmpty else {
            throw failure(.wrongType, key, node, need)
        }
        guard !scalar.isNull else {
            throw failure(.wrongType, key, node, "\(scalar.text) is no value here: \(need)")
        }
        return scalar.text
    }

    mutating func optionalString(_ key: String) throws(ConfigurationError) -> String? {
        asked.insert(key)
        return isPresent(key) ? try string(key) : nil
    }

    mutating func integer(
        _ key: String, in range: ClosedRange<Int>, default fallback: Int? = nil
    ) throws(ConfigurationError) -> Int {
        guard let node = value(key) else {
            guard let fallback else {
                throw failure(
                    .missingKey, key, self.node, "a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
            note(key, "\(fallback)")
            return fallback
        }
        let text = ConfigurationScalar(node)?.text ?? ""
        switch ConfigurationScalar(node)?.number {
        case .value(let number) where range.contains(number):
            note(key, "\(number)")
            return number
        case .value, .tooLarge:
            throw failure(
                .invalidValue, key, node, "\(text) is outside \(range.lowerBound) to \(range.upperBound)")
        case .ambiguous:
            throw failure(.wrongType, key, node, "\(text) is not read as a number: no zeros or plus before the digits")
        case .notDecimal, nil:
            throw failure(.wrongType, key, node, "a whole number is needed: decimal digits, without quotes")
        }
    }

    mutating func milliseconds(
        _ key: String, in range: ClosedRange<Int>, default fallback: Int
    ) throws(ConfigurationError) -> Duration {
        .milliseconds(try integer(key, in: range, default: fallback))
    }

    mutating func seconds(
        _ key: String, in range: ClosedRange<Int>, default fallback: Int
    ) throws(ConfigurationError) -> Duration {
        .seconds(try integer(key, in: range, default: fallback))
    }

    mutating func boolean(_ key: String, default fallback: Bool) throws(ConfigurationError) -> Bool {
        guard let node = value(key) else {
            note(key, "\(fallback)")
            return fallback
        }
        guard let flag = ConfigurationScalar(node)?.flag else {
            throw failure(.wrongType, key, node, "true or false is needed, in small letters and without quotes")
        }
        note(key, "\(flag)")
        return flag
    }

    func isPresent(_ key: String) -> Bool { node?.mapping?[Node(key)] != nil }

    /// Refuses the first key, in the order of the file, that nobody asked for.
    func finish() throws(ConfigurationError) {
        for (key, _) in node?.mapping ?? [:] {
            guard let name = key.string, asked.contains(name) else {
                let known = asked.sorted().joined(separator: ", ")
                throw ConfigurationError(
                    code: .unknownKey, file: file, location: key.location, key: dotted(key.string ?? "?"),
                    message: "known keys here: \(known)")
            }
        }
    }

    /// Where a key stands, such as `peers[1].endpoints`, seen from here; where it is left out, what it is left out of.
    func place(of key: String) -> ConfigurationError.Location? {
        var found = node
        for name in key.split(whereSeparator: { $0 == "." || $0 == "[" || $0 == "]" }) {
            let next = Int(name).flatMap { index in
                found?.sequence.flatMap { $0.indices.contains(index) ? $0[index] : nil }
            }
            guard let inner = next ?? found?.mapping?[Node(String(name))] else { break }
            found = inner
        }
        return found?.location
    }

    func failure(
        _ code: ConfigurationError.Code, _ key: String, _ message: String
    ) -> ConfigurationError {
        failure(code, key, node?.mapping?[Node(key)] ?? node, message)
    }

    private func failure(
        _ code: ConfigurationError.Code, _ key: String, _ node: Node?, _ message: String
    ) -> ConfigurationError {
        ConfigurationError(code: code, file: file, location: node?.location, key: dotted(key), message: message)
    }

    private func note(_ key: String, _ value: String) { values.byKey[dotted(key)] = value }

    private func dotted(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    private mutating func value(_ key: String) -> Node? {
        asked.insert(key)
        return node?.mapping?[Node(key)]
    }

    private mutating func elements(_ key: String, limit: Int) throws(ConfigurationError) -> [Node] {
        guard let node = value(key) else { return [] }
        guard let sequence = node.sequence else { throw failure(.wrongType, key, node, "a list is needed") }
        guard sequence.count <= limit else {
            throw failure(.invalidValue, key, node, "\(sequence.count) entries; at most \(limit) are allowed")
        }
        return Array(sequence)
    }
}

extension Node {
    fileprivate var location: ConfigurationError.Location? {
        mark.map { ConfigurationError.Location(line: $0.line, column: $0.column) }
    }
}
