// Rules, faults and histories name their tests, the tests are there, and nobody names what is not stated.

import Testing

@Suite struct RuleTests {
    private static let book = RuleBook.ofTheRepository
    private static let declared = SourceTree.files.filter(\.isTest).reduce(into: Set<String>()) { names, file in
        names.formUnion(TestNames.declared(in: file.lines))
    }

    @Test func thePagesAreRead() {
        let rules = Self.book.rules.map(\.name)
        #expect(rules.filter { $0.last?.isNumber == true } == (1...15).map { "S\($0)" } && rules.count == 17)
        let counts = [
            "FAULTS 1.": 50, "FAULTS 2.": 36, "FAULTS 3.": 12, "invariant ": 10, "HISTORIES ": 34, "JF-": 18, "JS-": 13,
        ]
        for (prefix, least) in counts {
            let count = Self.book.rows.count { $0.name.hasPrefix(prefix) }
            #expect(count >= least, "\(count) rows \(prefix)…")
        }
        #expect(Self.declared.count > 1_000 && Self.book.decisions.count > 28)
        #expect(Set(Self.book.decisions).count == Self.book.decisions.count, "two decisions have one number")
    }

    @Test func testsThatPagesNameAreThere() {
        for page in SourceTree.pages {
            for name in Self.absent(page.lines.joined(separator: "\n"), of: Self.declared) {
                Issue.record("\(page.path) names the test \(name), which is not there")
            }
        }
    }

    @Test func everyRuleAndRowSaysWhatShowsIt() {
        for name in Self.book.unshown {
            Issue.record("\(name) names no test; name one, or say \"not built (issue …)\" or \"not covered\"")
        }
    }

    @Test func whatCommentsAndPagesNameIsStated() {
        for file in SourceTree.files + SourceTree.pages {
            for number in file.lines.indices {
                for name in Self.book.unknown(in: file.spoken(number)) {
                    Issue.record("\(file.path):\(number + 1): \(name) is stated nowhere")
                }
            }
        }
    }

    // MARK: The checks find what they are for

    /// Pages that state little, so that much is wrong beside them. Names are put together: they are none of this file's own.
    private static let little = RuleBook(
        semantics: "## S" + "1 One\n\n**Shown by** `OneTests.holds`.\n## S" + "2 Two\nWords.\n## Words\n",
        faults: "| # | a | b |\n|---|---|---|\n| 1.1* | x | `OneTests.holds` |\n| 1.2 | x | by nobody |\n",
        histories: "| 1 | x | not built (issue H) |\n| JF-" + "1 | x | not covered |\n| JS-" + "a | x | nothing |\n",
        decisions: ["0001"])

    private static func absent(_ page: String, of declared: Set<String>) -> [String] {
        TestNames.named(in: page).filter { !declared.contains($0) }
    }

    @Test func aTestThatIsNotThereIsFound() {
        let source = [
            "@Suite struct OneTests {", "    @Test(arguments: 1...3)", "    func holds(seed: Int) {}",
            "    func helps() {}", "    // @Test func was() {}", "}",
            "extension OneTests { @Test func alsoHolds() {} }",
        ]
        let declared = TestNames.declared(in: source)
        #expect(declared == ["OneTests.holds", "OneTests.alsoHolds"])
        let page = "`OneTests." + "holds`, `OneTests." + "helps`, `TwoTests." + "holds`, `RuleBook.rows`"
        #expect(Self.absent(page, of: declared) == ["OneTests.helps", "TwoTests.holds"])
    }

    @Test func aRuleOrRowWithoutATestIsFound() {
        #expect(Self.little.unshown == ["S2", "FAULTS 1.2", "JS-a"])
    }

    @Test(
        "a name that is not stated is found",
        arguments: [
            ("(S" + "7) and S" + "1b's", ["S7", "S1b"]), ("S" + "1, S" + "2", []),
            ("US" + "7, S" + "123, S" + "3x4", []),
            ("FAULTS" + " 1, 3-4, 1.2 and 3.12.", ["FAULTS 1.3", "FAULTS 1.4", "FAULTS 3.12"]),
            ("FAULTS" + " part 3, row 2", ["FAULTS" + " part 3"]),
            ("HISTORIES" + " 1 to 3, S" + "1", ["HISTORIES 3"]),
            ("JF-" + "1, JF-" + "12, JS-" + "a, JS-" + "b", ["JF-12", "JS-b"]), ("JF- rows of HISTORIES", []),
            ("Decisions/" + "0001, 0077 and Decision " + "0078", ["Decisions/" + "0077", "Decisions/" + "0078"]),
        ])
    func whatIsNotStatedIsFound(text: String, names: [String]) {
        #expect(Self.little.unknown(in: text) == names)
    }

    @Test func codeIsNotSpoken() {
        #expect(SourceFile.spoken(in: #"let S9 = f(S8, "a \"b\" c") // d "e""#) == #" a \"b\" c  / d "e""#)
        #expect(SourceFile.spoken(in: "let S9 = S8 / S7").isEmpty)
    }
}
