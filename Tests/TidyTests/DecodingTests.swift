// Decoding code adds nothing up unchecked: a number that came from outside may be any number.

import Testing

@Suite struct DecodingTests {
    /// Lines of decoding functions with arithmetic that cannot run over, and why. The text stands in the line.
    private static let exceptions: [(path: String, text: String, reason: String)] = [
        (
            "Sources/ClusterModel/Coding/ByteReader.swift", "offset",
            "positions inside an array; checked before each step"
        ),
        ("Sources/ClusterModel/Coding/ByteReader.swift", "shift", "a varint's shift, at most 63"),
        (
            "Sources/EventLog/EventRecord+Coding.swift", "position",
            "positions inside an array; lengths are checked first"
        ),
        ("Sources/EventLog/EventRecord+Coding.swift", "length", "a length of 32 bits"),
        ("Sources/EventLog/EventRecord+Coding.swift", "end", "at most the bytes that are left, checked in this line"),
        ("Sources/EventLog/EventRecord+Coding.swift", "start", "positions inside an array"),
        ("Sources/SegmentLog/GroupFrame.swift", "prefix.tableLength", "bounded by JournalLimits.groupBatches"),
        ("Sources/SegmentLog/GroupFrame.swift", "entries.reduce", "4,096 lengths of 32 bits each"),
        ("Sources/SegmentLog/JournalIndex.swift", "logs * Self.logLength", "counts of 32 bits"),
        ("Sources/SegmentLog/JournalIndex.swift", "(places + boundaries)", "counts of 32 bits"),
        ("Sources/SegmentLog/MarkSlots.swift", "start", "0 or the length of a slot"),
        ("Sources/ActorCluster/Calls/OutgoingCalls.swift", "endpoints.count - place", "a place among them"),
        ("Sources/ClusterModel/Terms/RegionTerms+Coding.swift", "UInt64(limit)", "limits are small constants"),
        ("Sources/MeridianNode/Keys/OwnTokenKey.swift", "8 + secretBytes", "constants"),
        ("Sources/SegmentLog/Trimming/TrimmedPrefix.swift", "count * Self.entryLength", "a count of 32 bits"),
        ("Sources/SegmentLog/Trimming/TrimmedPrefix.swift", "lines * Self.lineLength", "at most maxLines"),
    ]

    /// A binary operator between operands of which one at least is no constant, or an assigning one.
    private static var arithmetic: Regex<(Substring, left: Substring?, right: Substring?)> {
        #/(?<left>[A-Za-z0-9_.)\]]+) (?:\+|-|\*|<<) (?<right>[A-Za-z0-9_.(]+)|[\w)\]] (?:\+=|-=|\*=) /#
    }

    /// A conversion that traps on what does not fit; of constants, counts and smaller widths none does.
    private static var narrowing: Regex<Substring> {
        #/\b(?:Int|Int32|Int64|UInt8|UInt16|UInt32|UInt64)\((?!clamping|truncatingIfNeeded|bitPattern|littleEndian|from|[A-Z]|\)|(?:\w+\.)*count\)|try (?:\w+\.)?read\(UInt(?:8|16|32)\.self\)\))/#
    }

    @Test func decodersCheckTheirArithmetic() {
        for finding in Self.findings where !Self.isExcepted(finding) {
            Issue.record(
                "\(finding.path):\(finding.number): unchecked arithmetic in a decoder; clamp, report the overflow, or say in DecodingTests why it cannot run over: \(finding.line)"
            )
        }
    }

    @Test func exceptionsAreStillNeeded() {
        for exception in Self.exceptions {
            let isNeeded = Self.findings.contains { $0.path == exception.path && $0.line.contains(exception.text) }
            #expect(isNeeded, "\(exception)")
        }
    }

    @Test(
        "the rule finds what it is for",
        arguments: [
            "let end = start + length", "total += count", "let place = Int(number)", "offset << 3",
        ])
    func findsUncheckedArithmetic(line: String) { #expect(Self.isUnchecked(line)) }

    @Test(
        "the rule leaves alone what cannot run over",
        arguments: [
            "let limit = 2 + 16 * EndsRecord.maxEnds", "Int(try reader.read(UInt16.self))", "UInt64(logs.count)",
            "let sum = one &+ other", "// a + b", "throw Failure(\"a + b\")", "Int(clamping: number)",
            "a.adding(clamping: b)",
        ])
    func leavesConstants(line: String) { #expect(!Self.isUnchecked(line)) }

    // MARK: Looking

    private struct Finding {
        var path: String
        var number: Int
        var line: String
    }

    private static let findings: [Finding] = SourceTree.files.filter { !$0.isTest }.flatMap { file in
        decoders(in: file).flatMap { range in
            range.filter { isUnchecked(file.lines[$0]) }.map {
                Finding(path: file.path, number: $0 + 1, line: file.lines[$0])
            }
        }
    }

    private static func isExcepted(_ finding: Finding) -> Bool {
        exceptions.contains { $0.path == finding.path && finding.line.contains($0.text) }
    }

    /// The bodies of functions that read outside bytes: by what they take, or since they begin a reader.
    private static func decoders(in file: SourceFile) -> [Range<Int>] {
        guard file.lines.contains(where: { $0.contains("ByteReader") || $0.contains("decoding ") }) else { return [] }
        return file.lines.indices.compactMap { start in
            let line = file.lines[start]
            guard line.contains("func ") || line.contains("init(") || line.contains("init?("), !isComment(line) else {
                return nil
            }
            // A body of one line ends where it begins.
            if line.hasSuffix("}") { return isDecoder(line) ? start..<start + 1 : nil }
            guard let open = file.lines[start...].prefix(8).firstIndex(where: { $0.hasSuffix("{") }) else { return nil }
            let indent = line.prefix { $0 == " " }
            let end = file.lines[open...].firstIndex { $0 == indent + "}" } ?? open
            let signature = file.lines[start...open].joined(separator: " ")
            let isReader = file.path.hasSuffix("/ByteReader.swift") && signature.contains("mutating func")
            let begins = file.lines[open...end].contains { $0.contains("ByteReader(") }
            return isDecoder(signature) || begins || isReader ? open + 1..<max(open + 1, end) : nil
        }
    }

    /// Whether a function that is declared so takes outside bytes, or a reader of them.
    private static func isDecoder(_ declaration: String) -> Bool {
        ["ByteReader", "decoding ", "(from reader", "body: [UInt8]"].contains { declaration.contains($0) }
    }

    private static func isComment(_ line: String) -> Bool { line.drop { $0 == " " }.hasPrefix("//") }

    private static func isUnchecked(_ line: String) -> Bool {
        guard !isComment(line) else { return false }
        let code = line.replacing(#/"[^"]*"/#, with: "\"\"").replacing(#/ \/\/.*/#, with: "")
        if code.contains(narrowing) { return true }
        return code.matches(of: arithmetic).contains { match in
            guard let left = match.output.left, let right = match.output.right else { return true }
            return !(isConstant(left) && isConstant(right))
        }
    }

    /// A literal, or a member of a type.
    private static func isConstant(_ operand: Substring) -> Bool {
        guard let first = operand.first else { return false }
        return first.isNumber || first.isUppercase
    }
}
