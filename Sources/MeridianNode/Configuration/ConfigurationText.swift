// What of YAML a configuration may be written in: checked before it is parsed, so that every refusal has a place.
//
// Read: mappings, lists, quoted and plain values of one line, comments, one leading "---". Not read, since what they mean
// is not what stands there: anchors, aliases, tags, directives, block texts, further documents, tabs that indent.

/// Walks the text once, without building anything. Complexity: O(characters).
struct ConfigurationText {
    /// Deeper nesting than any configuration has; what parses behind this recurses.
    static let maxDepth = 16
    static let maxIndentation = 64
    /// Of an IPv6 address in brackets, and a port.
    private static let maxAddressLength = 64

    private enum Quote {
        case none
        case single
        case double
    }

    private let file: String
    private let scalars: String.UnicodeScalarView
    private var position: String.Index
    private var line = 1
    private var column = 1
    private var quote = Quote.none
    private var flowDepth = 0
    /// Markers of list entries and keys on this line.
    private var openings = 0
    /// Whether a value, a key or a marker may begin here.
    private var isAtStart = true
    private var isAfterSpace = true
    private var hasContent = false

    /// Throws ConfigurationError `.notYAML` with the place of the first thing that is not read.
    static func check(_ text: String, file: String) throws(ConfigurationError) {
        var walk = ConfigurationText(text, file: file)
        try walk.run()
    }

    private init(_ text: String, file: String) {
        self.file = file
        scalars = text.unicodeScalars
        position = scalars.startIndex
    }

    private mutating func run() throws(ConfigurationError) {
        guard scalars.first != "\u{feff}" else {
            throw refusal("it begins with a byte-order mark: save it as UTF-8 without one")
        }
        try checkLineStart()
        while position < scalars.endIndex { try step(scalars[position]) }
        guard quote == .none else { throw refusal("a quoted text does not end") }
    }

    private mutating func step(_ scalar: Unicode.Scalar) throws(ConfigurationError) {
        guard scalar == "\n" || scalar == "\t" || scalar == "\r" || !Self.isControl(scalar) else {
            throw refusal("a control character (\(scalar.escaped(asASCII: true)))")
        }
        switch quote {
        case .single, .double: stepInQuotes(scalar)
        case .none: try stepOutside(scalar)
        }
        let wasNewline = scalar == "\n"
        advance()
        if wasNewline, quote == .none { try checkLineStart() }
    }

    private mutating func stepInQuotes(_ scalar: Unicode.Scalar) {
        switch (quote, scalar) {
        case (.double, "\\"): advance()  // What is escaped ends nothing.
        case (.single, "'") where isFollowedByQuote: advance()  // Two of them are one.
        case (.double, "\""), (.single, "'"): quote = .none
        default: break
        }
    }

    private mutating func stepOutside(_ scalar: Unicode.Scalar) throws(ConfigurationError) {
        switch scalar {
        case "\n", "\r": isAtStart = true
        case " ", "\t": isAfterSpace = true
        case "#" where isAfterSpace: return skipComment()
        case "[", "{":
            guard isAtStart else { break }
            guard !isBareAddress else {
                throw refusal("an IPv6 address begins as a list does: put it in quotes, as in \"[::1]:7411\"")
            }
            try open(flow: true)
        case "]",
            "}" where flowDepth > 0:
            (flowDepth, isAtStart) = (flowDepth - 1, false)
        case "," where flowDepth > 0: isAtStart = true
        case "-" where isAtStart && isFollowedBySpace, "?" where isAtStart && isFollowedBySpace: try open(flow: false)
        case ":" where isFollowedBySpace || flowDepth > 0: isAtStart = true
        default: try content(scalar)
        }
        if scalar != " ", scalar != "\t", scalar != "\n", scalar != "\r" { (isAfterSpace, hasContent) = (false, true) }
    }

    private mutating func content(_ scalar: Unicode.Scalar) throws(ConfigurationError) {
        guard isAtStart else { return }
        isAtStart = false
        switch scalar {
        case "\"": quote = .double
        case "'": quote = .single
        case "&", "*": throw refusal("anchors and aliases are not read: write the value where it belongs")
        case "!": throw refusal("tags are not read: leave it out")
        case "|", ">": throw refusal("texts over several lines are not read: write it in one line, in quotes")
        case "%", "@", "`": throw refusal("a value cannot begin with \(scalar): put it in quotes")
        default: break
        }
    }

    private mutating func open(flow: Bool) throws(ConfigurationError) {
        if flow { flowDepth += 1 } else { openings += 1 }
        isAtStart = true
        guard max(flowDepth, openings) <= Self.maxDepth else {
            throw refusal("nested more than \(Self.maxDepth) deep")
        }
    }

    private mutating func skipComment() {
        while position < scalars.endIndex {
            let next = scalars.index(after: position)
            guard next < scalars.endIndex, scalars[next] != "\n" else { return }
            advance()
        }
    }

    /// At the first character of a line, outside quotes.
    private mutating func checkLineStart() throws(ConfigurationError) {
        openings = 0
        isAfterSpace = true
        let rest = scalars[position...]
        let head = Array(rest.prefix(4))
        let isMarker = flowDepth == 0 && (head.count < 4 || head[3].properties.isWhitespace)
        if isMarker, head.starts(with: ["-", "-", "-"]) {
            guard !hasContent else { throw refusal("a second document: a configuration is one") }
            for _ in 0..<3 { advance() }
            hasContent = true
            isAtStart = true
            return
        }
        if isMarker, head.starts(with: [".", ".", "."]) { throw refusal("an end of a document: leave it out") }
        let blank = rest.prefix { $0 == " " || $0 == "\t" }
        let isEmptyLine = rest.dropFirst(blank.count).first.map { $0 == "\n" || $0 == "\r" || $0 == "#" } ?? true
        guard flowDepth == 0, !isEmptyLine else { return }
        if let tab = blank.firstIndex(of: "\t") {
            while position < tab { advance() }
            throw refusal("a tab in the indentation: indent with spaces")
        }
        guard blank.count <= Self.maxIndentation else {
            throw refusal("indented by more than \(Self.maxIndentation) columns")
        }
    }

    private var isFollowedByQuote: Bool {
        let next = scalars.index(after: position)
        return next < scalars.endIndex && scalars[next] == "'"
    }

    private var isFollowedBySpace: Bool {
        let next = scalars.index(after: position)
        return next >= scalars.endIndex || scalars[next].properties.isWhitespace
    }

    /// Whether what begins here is `[v6]` and a port, which YAML takes for a list with more behind it.
    private var isBareAddress: Bool {
        let rest = scalars[position...].prefix(Self.maxAddressLength)
        guard rest.first == "[", let end = rest.firstIndex(of: "]") else { return false }
        let inside = rest[..<end].dropFirst()
        return inside.count { $0 == ":" } >= 2
            && inside.allSatisfy { $0.properties.isASCIIHexDigit || $0 == ":" || $0 == "." }
            && rest[end...].dropFirst().first == ":"
    }

    private mutating func advance() {
        guard position < scalars.endIndex else { return }
        if scalars[position] == "\n" { (line, column) = (line + 1, 1) } else { column += 1 }
        position = scalars.index(after: position)
    }

    /// C0, DEL and C1, but for what YAML takes for white space.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value) && scalar.value != 0x85
    }

    private func refusal(_ message: String) -> ConfigurationError {
        ConfigurationError(
            code: .notYAML, file: file, location: ConfigurationError.Location(line: line, column: column), key: "",
            message: message)
    }
}
