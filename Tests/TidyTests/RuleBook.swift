// What SEMANTICS, FAULTS and HISTORIES state, and what comments, test names and pages say of them.

/// One rule, or one row of faults or histories, and the tests that its page names.
struct RuleEntry: Hashable, Sendable {
    /// `S1a`, `FAULTS 1.12`, `HISTORIES 17`, `JF-9`, `JS-c`.
    var name: String
    /// "Suite.function".
    var tests: [String]
    /// Says that it is not built, and with which issue it comes, or that nothing covers it.
    var isOpen: Bool
}

/// The three pages, as far as they can be checked. A value.
struct RuleBook: Sendable {
    let rules: [RuleEntry]
    let rows: [RuleEntry]
    /// "0012" of Sources/Decisions/0012-….md.
    let decisions: [String]

    init(semantics: String, faults: String, histories: String, decisions: [String]) {
        rules = Self.rules(of: semantics)
        rows = Self.rows(of: faults, named: Self.faultName) + Self.rows(of: histories, named: Self.historyName)
        self.decisions = decisions
    }

    static let ofTheRepository = RuleBook(
        semantics: SourceTree.text(of: "Sources/SEMANTICS.md"), faults: SourceTree.text(of: "Tests/FAULTS.md"),
        histories: SourceTree.text(of: "Tests/HISTORIES.md"),
        decisions: SourceTree.pages.compactMap { page in
            let parts = page.path.split(separator: "/")
            return parts.dropLast().last == "Decisions" ? parts.last.map { String($0.prefix(4)) } : nil
        })

    /// Rules and rows that say neither which test shows them nor that there is none.
    var unshown: [String] {
        rules.filter(\.tests.isEmpty).map(\.name) + rows.filter { $0.tests.isEmpty && !$0.isOpen }.map(\.name)
    }

    /// What a text says that the pages do not state.
    func unknown(in text: String) -> [String] {
        let stated = Set((rules + rows).map(\.name))
        return Mention.all(in: text).filter { mention in
            mention.hasPrefix("Decisions/")
                ? !decisions.contains(String(mention.dropFirst("Decisions/".count))) : !stated.contains(mention)
        }
    }

    // MARK: Reading the pages

    private static func rules(of page: String) -> [RuleEntry] {
        var found: [(name: String, text: String)] = []
        for line in page.split(separator: "\n") {
            if line.hasPrefix("## ") {
                found.append((String(line.dropFirst(3).prefix { $0 != " " }), ""))
            } else if !found.isEmpty {
                found[found.count - 1].text += line + "\n"
            }
        }
        return found.filter { Mention.isRule($0.name[...]) }.map { entry($0.name, $0.text) }
    }

    /// Rows of tables; `named` is nil for what is none: heads, and tables of other things.
    private static func rows(of page: String, named: (String) -> String?) -> [RuleEntry] {
        page.split(separator: "\n").filter { $0.hasPrefix("|") }.compactMap { line in
            let cells = line.split(separator: "|").map { $0.filter { $0 != "*" }.trimmingSpaces }
            guard let first = cells.first, let last = cells.last, let name = named(first) else { return nil }
            return entry(name, last)
        }
    }

    private static func entry(_ name: String, _ text: String) -> RuleEntry {
        RuleEntry(
            name: name, tests: TestNames.named(in: text),
            isOpen: text.contains("not built (issue ") || text.contains("not covered"))
    }

    /// "1.12"; the invariants' numbers begin with an I.
    private static func faultName(_ cell: String) -> String? {
        if cell.wholeMatch(of: #/[1-9]\.[0-9]+/#) != nil { return "FAULTS \(cell)" }
        return cell.wholeMatch(of: #/I[0-9]+/#) == nil ? nil : "invariant \(cell)"
    }

    private static func historyName(_ cell: String) -> String? {
        if cell.wholeMatch(of: #/[0-9]+/#) != nil { return "HISTORIES \(cell)" }
        return cell.wholeMatch(of: #/J[FS]-[0-9a-z]+/#) == nil ? nil : cell
    }
}

/// What a text names of rules, rows and decisions, in the form of `RuleEntry.name`, or as "Decisions/0012".
enum Mention {
    static func all(in text: String) -> [String] {
        guard mayName(text) else { return [] }
        let words = text.split { !($0.isLetter || $0.isNumber || $0 == "_") }
        var found = words.filter(isRule).map(String.init)
        for match in text.matches(of: #/FAULTS (?<rows>[0-9.]+(?:(?:-|, | and | to )[0-9][0-9.]*)*)/#) {
            found += numbers(match.output.rows).map { "FAULTS \($0.contains(".") ? $0 : "1.\($0)")" }
        }
        for match in text.matches(of: #/HISTORIES (?<rows>[0-9]+(?:(?:-|, | and | to )[0-9]+)*)/#) {
            found += numbers(match.output.rows).map { "HISTORIES \($0)" }
        }
        // A form that says neither part nor row clearly.
        found += text.matches(of: #/(?:FAULTS|HISTORIES),? (?:part|rows?) [0-9]+/#).map { String($0.output) }
        found += text.matches(of: #/J[FS]-(?:[0-9]+|[a-z])(?![0-9A-Za-z])/#).map { String($0.output) }
        for match in text.matches(of: #/Decisions?[ \/](?<all>[0-9]{4}(?:(?:, | and )[0-9]{4})*)/#) {
            found += numbers(match.output.all).map { "Decisions/\($0)" }
        }
        return found
    }

    /// S, one or two digits, and perhaps a letter: a whole word.
    static func isRule(_ word: Substring) -> Bool {
        guard word.first == "S" else { return false }
        let digits = word.dropFirst().prefix { $0.isASCII && $0.isNumber }
        let rest = word.dropFirst(1 + digits.count)
        return (1...2).contains(digits.count) && (rest.isEmpty || rest.count == 1 && rest.first?.isLowercase == true)
    }

    private static func numbers(_ list: Substring) -> [String] {
        list.split { !($0.isNumber || $0 == ".") }.map { part in
            String(part.last == "." ? part.dropLast() : part)
        }.filter { !$0.isEmpty }
    }

    /// Most lines name nothing: one pass over the bytes tells.
    private static func mayName(_ text: String) -> Bool {
        var last: UInt8 = 0
        for byte in text.utf8 {
            switch (last, byte) {
            case (UInt8(ascii: "S"), UInt8(ascii: "0")...UInt8(ascii: "9")): return true
            case (UInt8(ascii: "F"), UInt8(ascii: "A")), (UInt8(ascii: "H"), UInt8(ascii: "I")): return true
            case (UInt8(ascii: "J"), UInt8(ascii: "F")), (UInt8(ascii: "J"), UInt8(ascii: "S")): return true
            case (UInt8(ascii: "D"), UInt8(ascii: "e")): return true
            default: last = byte
            }
        }
        return false
    }
}

/// Tests as "Suite.function", as pages write them and as the sources have them.
enum TestNames {
    /// Those that a page names, in backticks.
    static func named(in text: String) -> [String] {
        text.matches(of: #/`(?<name>[A-Z][A-Za-z0-9]*Tests\.[A-Za-z0-9_]+)`/#).map { String($0.output.name) }
    }

    /// Those that a file of tests has: a function behind `@Test`, in the type at the margin before it.
    static func declared(in lines: [String]) -> Set<String> {
        var found: Set<String> = []
        var suite = ""
        var isMarked = false
        for line in lines where !line.drop(while: { $0 == " " }).hasPrefix("//") {
            if line.first != " ", let type = name(after: ["struct", "class", "enum", "actor", "extension"], in: line) {
                suite = type
            }
            if line.contains("@Test") { isMarked = true }
            if isMarked, let function = name(after: ["func"], in: line) {
                found.insert("\(suite).\(function)")
                isMarked = false
            }
        }
        return found
    }

    private static func name(after keywords: [String], in line: String) -> String? {
        let words = line.split(separator: " ")
        guard let place = words.firstIndex(where: { keywords.contains(String($0)) }), place + 1 < words.count
        else { return nil }
        return String(words[place + 1].prefix { $0.isLetter || $0.isNumber || $0 == "_" })
    }
}

extension SourceFile {
    /// What people read in the line of that number: all of a page's; of a source's comments and texts.
    func spoken(_ number: Int) -> String {
        let line = lines[number]
        return path.hasSuffix(".md") || line.drop(while: { $0 == " " }).hasPrefix("//") ? line : Self.spoken(in: line)
    }

    /// The texts in quotation marks and the comment at the end. What stands between lines of three marks is left out.
    static func spoken(in line: String) -> String {
        var (said, isText, isEscaped) = ("", false, false)
        var last: Character = " "
        for (place, character) in zip(line.indices, line) {
            if !isText, last == "/", character == "/" { return said + " " + line[place...] }
            if character == "\"", !isEscaped {
                isText.toggle()
                said += " "
            } else if isText {
                said.append(character)
            }
            isEscaped = isText && character == "\\" && !isEscaped
            last = character
        }
        return said
    }
}

extension String {
    fileprivate var trimmingSpaces: String {
        var text = self[...]
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
