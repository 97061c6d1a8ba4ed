// The house's style as failing tests. An exception stands in a list, with its reason.

import Testing

@Suite struct StyleTests {
    /// Words that must not stand in Sources, and why.
    private static let forbidden: [(word: String, why: String)] = [
        ("Task {", "unowned work; use a task group or a Service"),
        ("Task.detached", "unowned work; use a task group or a Service"),
        ("Date()", "time comes from NodeClock"),
        ("Task.sleep", "time comes from NodeClock"),
        (".random(in", "randomness comes from EntropySource"),
        ("try!", "input must not trap"),
        (" as! ", "input must not trap"),
        ("fatalError(", "input must not trap"),
        ("@unchecked Sendable", "use values, actors or a Mutex"),
        ("nonisolated(unsafe)", "use values, actors or a Mutex"),
        (".unbounded", "every queue has a bound"),
        ("map(Double.init)", "of an unsigned number this reads its bits; write map { Double($0) }"),
        // At the socket level its number is SO_DEBUG's, which the kernel refuses to everybody but root.
        ("socketOption(.tcp_", "options of TCP are set at the level of TCP: tcpOption"),
        ("TO" + "DO", "say it in the issue, or do it"),
        ("FIX" + "ME", "say it in the issue, or do it"),
    ]

    /// (path, word) pairs that are allowed.
    private static let exceptions: [(path: String, word: String, reason: String)] = [
        ("Sources/HostEnvironment/HostClock.swift", "Task.sleep", "this is the real clock"),
        ("Sources/HostEnvironment/ProcessEntry.swift", "Task {", "the process's first, which owns all others"),
    ]

    private static let maxFileLines = 500
    private static let maxHeaderLines = 60

    @Test func forbiddenWordsStayOut() {
        for file in SourceTree.files where !file.isTest {
            for (number, line) in file.lines.enumerated() where !line.trimmed.hasPrefix("//") {
                for (word, why) in Self.forbidden where line.containsWord(word) {
                    let isAllowed = Self.exceptions.contains { $0.path == file.path && $0.word == word }
                    #expect(isAllowed, "\(file.path):\(number + 1): \(word): \(why)")
                }
            }
        }
    }

    @Test func exceptionsAreStillNeeded() {
        for exception in Self.exceptions {
            let file = SourceTree.files.first { $0.path == exception.path }
            #expect(file?.lines.contains { $0.contains(exception.word) } == true, "\(exception)")
        }
    }

    @Test func filesAreShortAndSayWhatTheyAre() {
        for file in SourceTree.files {
            #expect(file.lines.count <= Self.maxFileLines, "\(file.path) has \(file.lines.count) lines")
            #expect(file.lines.first?.hasPrefix("//") == true, "\(file.path) has no header")
        }
    }

    @Test func functionsAreShort() {
        for file in SourceTree.files where !file.isTest {
            for (start, length) in FunctionLengths.of(file) {
                #expect(length <= Self.maxHeaderLines, "\(file.path):\(start): a function of \(length) lines")
            }
        }
    }

    @Test func namesAreWordsOfTheField() {
        for file in SourceTree.files {
            for part in file.path.split(separator: "/") {
                for word in ["Util", "Helper", "Common", "Manager", "V2"] {
                    #expect(!part.contains(word), "\(file.path): \(word)")
                }
            }
        }
    }

    @Test func linesAreClean() {
        for file in SourceTree.files {
            for (number, line) in file.lines.enumerated() {
                #expect(!line.contains("\t") && line.last != " ", "\(file.path):\(number + 1)")
            }
        }
    }

    @Test func everySwallowedErrorSaysWhy() {
        for file in SourceTree.files where !file.isTest {
            for (number, line) in file.lines.enumerated() where line.containsWord("try?") {
                let near = file.lines[max(0, number - 2)...number].contains { $0.contains("//") }
                #expect(near, "\(file.path):\(number + 1): try? without its reason")
            }
        }
    }
}

/// Finds functions by their first line and the indentation of the brace that ends them.
enum FunctionLengths {
    static func of(_ file: SourceFile) -> [(start: Int, length: Int)] {
        var found: [(start: Int, length: Int)] = []
        for (number, line) in file.lines.enumerated() where line.contains("func ") && !line.trimmed.hasPrefix("//") {
            guard hasBody(file.lines[number...]) else { continue }
            let indent = line.prefix { $0 == " " }
            guard let end = file.lines[number...].firstIndex(of: indent + "}") else { continue }
            found.append((number + 1, end - number + 1))
        }
        return found
    }

    /// Whether the function that begins here has a body of more than one line; a protocol's requirement has none.
    private static func hasBody(_ lines: ArraySlice<String>) -> Bool {
        for line in lines {
            if line.hasSuffix("{") { return true }
            if line.isEmpty || line.hasSuffix("}") || line.trimmed.hasPrefix("//") { return false }
        }
        return false
    }
}

extension String {
    fileprivate var trimmed: Substring { drop { $0 == " " } }

    /// Whether `word` stands in the line and is not the end of a longer word.
    fileprivate func containsWord(_ word: String) -> Bool {
        ranges(of: word).contains { range in
            guard range.lowerBound > startIndex, word.first?.isLetter == true else { return true }
            return !self[index(before: range.lowerBound)].isLetter
        }
    }
}
