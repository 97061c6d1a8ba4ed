// Options that stand twice on a command line: the parser would take the last one without a word.

/// Looks at the arguments as they are, before they are parsed.
package enum RepeatedOptions {
    /// Options that take several values by standing several times.
    package static let allowed: Set<String> = ["--country", "--from", "--host", "--partition"]

    /// The first option that stands more than once; nil for none. Values of options never begin with "--".
    package static func first(in arguments: [String]) -> String? {
        var seen: Set<String> = []
        for argument in arguments.prefix(while: { $0 != "--" }) where argument.hasPrefix("--") {
            let name = String(argument.prefix { $0 != "=" })
            guard !allowed.contains(name), !seen.insert(name).inserted else { continue }
            return name
        }
        return nil
    }
}
