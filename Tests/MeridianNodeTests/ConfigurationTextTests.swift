// C20: what a configuration file may be written in. Each refusal has its file, line and column; nothing means another thing
// than what stands there.

import ClusterModel
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import MeridianNode

@Suite struct ConfigurationTextTests {
    private typealias Code = ConfigurationError.Code

    private static func yaml(
        region: String = "region: {name: aws-us, number: 1}", node: String = "node: {name: n1}", more: String = ""
    ) -> String {
        "deployment: {id: shop}\n\(region)\n\(node)\nlog: {directory: /var/lib/meridian}\n\(more)"
    }

    private static func refusal(_ yaml: String) -> ConfigurationError? {
        do {
            _ = try NodeConfiguration(yaml: yaml, file: "node.yaml")
            return nil
        } catch {
            return error
        }
    }

    private func expect(
        _ yaml: String, _ code: ConfigurationError.Code, at line: Int, _ column: Int, saying word: String,
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        let error = try #require(Self.refusal(yaml), "accepted: \(yaml)", sourceLocation: location)
        #expect(error.code == code, "\(error)", sourceLocation: location)
        #expect(
            error.location == ConfigurationError.Location(line: line, column: column), "\(error)",
            sourceLocation: location)
        #expect(error.description.contains(word), "\(error)", sourceLocation: location)
        #expect(error.description.hasPrefix("node.yaml:\(line):\(column):"), "\(error)", sourceLocation: location)
    }

    @Test(arguments: [
        "010", "01", "00", "+1", "0x1", "0o1", "0b1", "1:30", "1_000", "1.0", "1e3", ".inf", "-0x1", "\"1\"", "'1'",
        "2026-11-30", "1 000", "١", "1s", "true",
    ])
    func c20OnlyDecimalIntegersAreNumbers(text: String) throws {
        try expect(
            Self.yaml(region: "region: {name: a, number: \(text)}"), .wrongType, at: 2, 27, saying: "region.number")
    }

    @Test(arguments: ["0", "65536", "-1", "99999999999999999999999999", "-99999999999999999999999999"])
    func c20NumbersOutOfBoundsAreRefusedWithTheirBounds(text: String) throws {
        try expect(
            Self.yaml(region: "region: {name: a, number: \(text)}"), .invalidValue, at: 2, 27, saying: "1 to 65535")
    }

    @Test(arguments: ["[::1]:7411", "[fe80::1]:7411", "[::ffff:10.0.0.1]:7411"])
    func addressesThatBeginAsAListAreToldToStandInQuotes(text: String) throws {
        try expect(
            Self.yaml(more: "listen:\n  api: \(text)\n"), .notYAML, at: 6, 8, saying: "put it in quotes")
        let quoted = try NodeConfiguration(yaml: Self.yaml(more: "listen:\n  api: \"[::1]:7411\"\n"), file: "node.yaml")
        #expect(quoted.listen.api == Endpoint(host: "::1", port: 7_411))
    }

    /// `tls` among them, and `mesh`, which have no default.
    @Test func anUnknownKeyIsToldAllThatAreKnown() throws {
        let top = try #require(Self.refusal(Self.yaml(more: "tsl: {}\n")))
        for key in ["access", "clock", "keys", "limits", "listen", "mirror", "peers", "tls"] {
            #expect(top.message.contains(key), "\(top.message)")
        }
        let listen = try #require(Self.refusal(Self.yaml(more: "listen: {apy: x}\n")))
        #expect(listen.message == "known keys here: admin, api, mesh", "\(listen.message)")
    }

    @Test(arguments: ["null", "~", "Null", "NULL", ""])
    func c20NothingIsNoName(text: String) throws {
        let error = try #require(Self.refusal(Self.yaml(region: "region:\n  name: \(text)\n  number: 1")))
        #expect(error.code == .wrongType && error.key == "region.name" && error.location?.line == 3, "\(error)")
    }

    /// YAML takes them for other things than names; here they are what stands there.
    @Test(arguments: ["no", "yes", "on", "1", "010", "2026-11-30", "1.5", "true", "0x1"])
    func c20NamesAreTheirText(text: String) throws {
        let configuration = try NodeConfiguration(
            yaml: Self.yaml(region: "region: {name: \(text), number: 1}"), file: "node.yaml")
        #expect(configuration.region.name == text)
    }

    @Test(arguments: ["yes", "no", "on", "off", "True", "FALSE", "1", "0", "\"true\"", "~", "y"])
    func c20OnlyTrueAndFalseAreFlags(text: String) throws {
        try expect(Self.yaml(more: "drill:\n  allow: \(text)\n"), .wrongType, at: 6, 10, saying: "drill.allow")
    }

    @Test func c20WhatIsNoPlainConfigurationIsRefusedWithItsPlace() throws {
        try expect("\u{feff}" + Self.yaml(), .notYAML, at: 1, 1, saying: "byte-order mark")
        try expect(Self.yaml(more: "drill:\n\tallow: true\n"), .notYAML, at: 6, 1, saying: "tab")
        try expect(Self.yaml(node: "node: &n {name: n1}"), .notYAML, at: 3, 7, saying: "anchors")
        try expect(Self.yaml(node: "node: {name: *n}"), .notYAML, at: 3, 14, saying: "aliases")
        try expect(Self.yaml(node: "node: !!map {name: n1}"), .notYAML, at: 3, 7, saying: "tags")
        try expect(Self.yaml(node: "node:\n  name: |\n    n1"), .notYAML, at: 4, 9, saying: "several lines")
        try expect(Self.yaml(more: "---\ndrill: {}\n"), .notYAML, at: 5, 1, saying: "second document")
        try expect(Self.yaml(more: "...\n"), .notYAML, at: 5, 1, saying: "end of a document")
        try expect("%YAML 1.1\n---\n" + Self.yaml(), .notYAML, at: 1, 1, saying: "cannot begin with %")
        try expect(Self.yaml(more: "drill: {allow: \u{1}}\n"), .notYAML, at: 5, 16, saying: "control character")
        try expect(Self.yaml(more: "<<: {allow: true}\n"), .unknownKey, at: 5, 1, saying: "unknown key")
        try expect(Self.yaml(more: "[a]: 1\n"), .unknownKey, at: 5, 1, saying: "unknown key")
        #expect(Self.refusal("# nothing\n")?.message.contains("empty") == true)
        #expect(Self.refusal("---\n")?.message.contains("empty") == true)
        #expect(Self.refusal("just text")?.code == .wrongType)
    }

    @Test func c20AKeyThatStandsTwiceIsRefusedWithItsPlace() throws {
        let twice = try #require(Self.refusal(Self.yaml(more: "node: {name: n2}\n")))
        #expect(twice.code == .invalidValue && twice.key == "node" && twice.location != nil, "\(twice)")
        let inner = try #require(
            Self.refusal(Self.yaml(region: "region: {name: a, number: 1, \"number\": 2}")))
        #expect(inner.key == "number" && inner.location?.line == 2, "\(inner)")
    }

    /// What parses recurses: a file that nests without end must not end the process.
    @Test(arguments: ["[", "{a: ", "- ", "? "])
    func c20NestingHasABound(opening: String) throws {
        for count in [17, 400_000] {
            let error = try #require(Self.refusal("deployment: " + String(repeating: opening, count: count)))
            #expect(error.code == .notYAML && error.message.contains("nested"), "\(error)")
        }
        let stairs = (0..<200).map { String(repeating: " ", count: $0) + "a:\n" }.joined()
        #expect(Self.refusal(stairs)?.message.contains("indented") == true)
    }

    @Test func c20QuotesCommentsAndALeadingMarkerAreRead() throws {
        let text = """
            # A comment first: & * ! | % are nothing here.
            --- # and here
            deployment: {id: 'shop'}   # "not a quote
            region: {"name": "aws-us", number: 1}

            node: {name: 'n1'}
            listen: {api: "127.0.0.1:7411",
            \tadmin: "[::1]:7413"}
            log: {directory: "/var/lib/a: [b] # c & d"}
            """
        let configuration = try NodeConfiguration(yaml: text, file: "node.yaml")
        #expect(configuration.log.directory == "/var/lib/a: [b] # c & d")
        #expect(configuration.listen.admin == Endpoint(host: "::1", port: 7_413))
        let windows = Self.yaml().replacing("\n", with: "\r\n")
        #expect(try NodeConfiguration(yaml: windows, file: "node.yaml").nodeName == "n1")
    }

    @Test func c20FilesThatAreNoTextAreNamedWithTheirPlace() throws {
        let disk = SimulatedFileStore()
        func refusal(_ bytes: [UInt8]) throws -> ConfigurationError? {
            let file = try disk.open("node.yaml", .createOrReplace)
            try file.write(bytes, at: 0)
            file.close()
            return #expect(throws: ConfigurationError.self) { try NodeConfiguration(path: "node.yaml", files: disk) }
        }
        let byte = try refusal(Array("a: 1\nb: x".utf8) + [0xff, 0x41])
        #expect(byte?.location == ConfigurationError.Location(line: 2, column: 5) && byte?.code == .unreadable)
        let wide = try refusal([0xff, 0xfe, 0x61, 0])
        #expect(wide?.message.contains("UTF-16") == true && wide?.location?.line == 1)
        let large = try refusal([UInt8](repeating: 0x23, count: NodeConfiguration.maxFileBytes + 1))
        #expect(large?.message.contains("at most") == true)
    }

    private static let fleet = """
        tls: {ca: c.pem, certificate: n.pem, key: n.key}
        listen: {mesh: "127.0.0.1:7412"}
        peers:

        """

    @Test(arguments: [
        ("listen: {api: \"127.0.0.999:7411\"}", "listen.api", 5, 15),
        ("listen: {api: \"127.0.0.1:7413\"}", "listen.admin", 5, 9),
        ("listen:\n  api: 127.0.0.1:8000\n  admin: 127.0.0.1:8000", "listen.admin", 7, 10),
        ("keys: {tokens: [{id: 1, file: a}, {id: 1, file: b}]}", "keys.tokens[1].id", 5, 40),
        ("keys: {tokens: [{id: 1, file: a}, {id: 2, file: a}]}", "keys.tokens[1].file", 5, 49),
        ("mirror: {heartbeat_interval_ms: 900, stall_timeout_ms: 800}", "mirror.stall_timeout_ms", 5, 56),
        (fleet + "  - {region: aws-us, number: 2, endpoints: [\"b:1\"]}", "peers[0]", 8, 5),
        (fleet + "  - {region: eu, number: 1, endpoints: [\"b:1\"]}", "peers[0]", 8, 5),
        (
            fleet
                + "  - {region: eu, number: 2, endpoints: [\"b:1\"]}\n  - {region: ap, number: 2, endpoints: [\"c:1\"]}",
            "peers[1].number", 9, 26
        ),
        (
            fleet
                + "  - {region: eu, number: 2, endpoints: [\"b:1\"]}\n  - {region: eu, number: 3, endpoints: [\"c:1\"]}",
            "peers[1].region", 9, 14
        ),
        (
            fleet
                + "  - {region: eu, number: 2, endpoints: [\"b:1\"]}\n  - {region: ap, number: 3, endpoints: [\"b:1\"]}",
            "peers[1].endpoints[0]", 9, 41
        ),
        (fleet + "  - {region: eu, number: 2, endpoints: [\"127.0.0.1:7412\"]}", "peers[0].endpoints[0]", 8, 41),
        (fleet + "  - {region: eu, number: 2, endpoints: [\"0.0.0.0:7412\"]}", "peers[0].endpoints[0]", 8, 41),
        (fleet + "  - {region: eu, number: 2, endpoints: [\"b:0\"]}", "peers[0].endpoints[0]", 8, 41),
        (fleet + "  - {region: eu, number: 2, endpoints: []}", "peers[0].endpoints", 8, 40),
    ])
    func c20KeysThatContradictEachOtherAreRefusedWithTheirPlace(
        more: String, key: String, line: Int, column: Int
    ) throws {
        let error = try #require(Self.refusal(Self.yaml(more: more + "\n")))
        #expect(error.key == key && error.code == .invalidValue, "\(error)")
        #expect(error.location == ConfigurationError.Location(line: line, column: column), "\(error)")
    }
}
