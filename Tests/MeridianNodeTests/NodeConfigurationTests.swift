// A configuration is read whole or refused with file, line, column and key.

import ClusterModel
import Foundation
import NodeEnvironment
import ServingAPI
import Testing

@testable import MeridianNode

@Suite struct NodeConfigurationTests {
    private static let smallest = """
        deployment: {id: shop}
        region: {name: aws-us, number: 1}
        node: {name: n1}
        log: {directory: /var/lib/meridian}

        """

    private static func refusal(_ yaml: String) -> ConfigurationError? {
        do {
            _ = try NodeConfiguration(yaml: yaml, file: "node.yaml")
            return nil
        } catch {
            return error
        }
    }

    @Test func defaultsAreSafe() throws {
        let configuration = try NodeConfiguration(yaml: Self.smallest, file: "node.yaml")
        #expect(configuration.deployment.partitions == .standard)
        #expect(configuration.timeBounds == .standard)
        #expect(configuration.listen.api.isLoopback && configuration.listen.admin.isLoopback)
        #expect(configuration.tls == nil)
        #expect(!configuration.drillAllowed)
    }

    @Test func theShippedExampleReadsAndShowsTheDefaults() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(contentsOf: root.appending(path: "Config/single-node.yaml"), encoding: .utf8)
        let shipped = try NodeConfiguration(yaml: text, file: "single-node.yaml")
        let smallest = try NodeConfiguration(yaml: Self.smallest, file: "node.yaml")
        #expect(shipped.limits == smallest.limits)
        #expect(shipped.timeBounds == smallest.timeBounds)
        #expect(shipped.listen == smallest.listen)
        #expect(shipped.log.segmentBytes == smallest.log.segmentBytes)
        #expect(shipped.mirror == smallest.mirror)
    }

    private static let tls = "tls: {ca: c.pem, certificate: n.pem, key: n.key"

    @Test func tlsNamesItsFiles() throws {
        let plain = try NodeConfiguration(yaml: Self.smallest + Self.tls + "}\n", file: "node.yaml")
        #expect(plain.tls?.revocationPath == nil && plain.tls?.allowsTLS12 == false)
        let full = try NodeConfiguration(
            yaml: Self.smallest + Self.tls + ", crl: r.pem, allow_tls_1_2: true}\n", file: "node.yaml"
        ) { _ in true }
        #expect(full.tls?.revocationPath == "r.pem" && full.tls?.allowsTLS12 == true)
    }

    @Test(arguments: ["ca": "c.pem", "certificate": "n.pem", "key": "n.key", "crl": "r.pem"])
    func filesOfTLSThatAreNotThereAreNamedWithTheirPlace(key: String, path: String) throws {
        let yaml =
            Self.smallest + "tls:\n"
            + [("ca", "c.pem"), ("certificate", "n.pem"), ("key", "n.key"), ("crl", "r.pem")]
            .map { "  \($0.0): \($0.1)\n" }.joined()
        let error = #expect(throws: ConfigurationError.self) {
            try NodeConfiguration(yaml: yaml, file: "node.yaml") { $0 != path }
        }
        #expect(error?.code == .invalidValue && error?.key == "tls.\(key)")
        #expect(error?.message.contains(path) == true)
        #expect(error?.location?.line == 6 + (["ca", "certificate", "key", "crl"].firstIndex(of: key) ?? 0))
    }

    @Test func anUnknownKeyIsNamedWithItsPlace() throws {
        let error = try #require(Self.refusal(Self.smallest + "limits:\n  callz: 3\n"))
        #expect(error.code == .unknownKey)
        #expect(error.key == "limits.callz")
        #expect(error.location == ConfigurationError.Location(line: 6, column: 3))
        #expect(error.description.contains("node.yaml:6:3"))
        #expect(error.message.contains("calls_in_flight"))
    }

    @Test(arguments: [
        ("region: {name: aws-us, number: x}", "region.number", ConfigurationError.Code.wrongType),
        ("region: {name: aws-us, number: 0}", "region.number", .invalidValue),
        ("region: {name: aws-us}", "region.number", .missingKey),
        ("deployment: {id: shop, partitions: 65}", "deployment.partitions", .invalidValue),
        ("listen: {api: nowhere}", "listen.api", .invalidValue),
        ("listen: {api: \"0.0.0.0:7411\"}", "listen.api", .invalidValue),
        ("listen: {admin: \"0.0.0.0:7413\"}", "listen.admin", .invalidValue),
        ("log: {directory: /x, engine: jetstream}", "log.engine", .unsupported),
        ("events: {id_max_future_ms: 400}", "clock.max_drift_ms", .invalidValue),
        ("peers: [{region: gcp-eu, number: 2, endpoints: [\"10.0.0.1:7412\"]}]", "listen.mesh", .missingKey),
        ("nats: {url: x}", "nats", .unsupported),
        ("tls: {ca: a, certificate: b, key: c, crl: [d]}", "tls.crl", .wrongType),
        ("tls: {ca: a, certificate: b, key: c, allow_tls_1_2: 1.2}", "tls.allow_tls_1_2", .wrongType),
        ("drill: [1]", "drill", .wrongType),
        ("node: {name: \"a b\"}", "node.name", .invalidValue),
    ])
    func badValuesAreTyped(line: String, key: String, code: ConfigurationError.Code) throws {
        let section = line.prefix { $0 != ":" }
        let rest = Self.smallest.split(separator: "\n").filter { !$0.hasPrefix(section + ":") }.joined(separator: "\n")
        let error = try #require(Self.refusal(rest + "\n" + line + "\n"))
        #expect(error.key == key)
        #expect(error.code == code)
        #expect(!error.message.isEmpty)
    }

    @Test func textThatIsNotYAMLIsRefusedWithItsPlace() throws {
        let error = try #require(Self.refusal("deployment: [1, 2\nregion: }"))
        #expect(error.code == .notYAML)
        #expect(error.location != nil)
        #expect(Self.refusal("")?.code == .notYAML)
    }

    // MARK: access

    private static func access(_ rules: String) -> String { smallest + tls + "}\naccess: [\(rules)]\n" }

    @Test func rulesOfAccessAreRead() throws {
        let read = try NodeConfiguration(
            yaml: Self.access(
                "{identities: [\"meridian://shop/client/a-*\"], roles: [app, consumer], groups: [g-*], topics: [\"*\"]}"
            ),
            file: "node.yaml")
        let rule = try #require(read.access.rules.first)
        #expect(rule.roles == [.app, .consumer] && rule.topics.count == 6 && rule.groups.map(\.text) == ["g-*"])
        #expect(try NodeConfiguration(yaml: Self.smallest, file: "node.yaml").access.rules.isEmpty)
    }

    @Test(arguments: [
        ("{identities: [\"meridian://other/client/a\"], roles: [app]}", "access[0].identities"),
        ("{identities: [\"meridian://shop/*/a\"], roles: [app]}", "access[0].identities"),
        ("{identities: [\"meridian://*/client/a\"], roles: [app]}", "access[0].identities"),
        ("{identities: [\"meridian://shop/client\"], roles: [app]}", "access[0].identities"),
        ("{identities: [a], roles: [app]}", "access[0].identities"),
        ("{identities: [], roles: [app]}", "access[0].identities"),
        ("{identities: [\"meridian://shop/client/a\"], roles: [root]}", "access[0].roles"),
        ("{identities: [\"meridian://shop/client/a\"]}", "access[0].roles"),
        ("{identities: [\"meridian://shop/client/a\"], roles: [consumer]}", "access[0].groups"),
        ("{identities: [\"meridian://shop/client/a\"], roles: [consumer], groups: [g]}", "access[0].topics"),
        (
            "{identities: [\"meridian://shop/client/a\"], roles: [app], groups: [g], topics: [beacons]}",
            "access[0].topics"
        ),
        (
            "{identities: [\"meridian://shop/client/a\"], roles: [consumer], groups: [g], topics: [x]}",
            "access[0].topics"
        ),
        ("{identities: [\"meridian://shop/client/*********\"], roles: [app]}", "access[0].identities"),
        ("{identities: [\"meridian://shop/client/a\"], roles: [app], role: app}", "access[0].role"),
    ])
    func aSlipInARuleIsNamedWithItsKey(rule: String, key: String) throws {
        let error = try #require(Self.refusal(Self.access(rule)))
        #expect(error.key == key && error.location != nil, "\(error)")
    }

    @Test func theExampleOfTwoRegionsReads() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(contentsOf: root.appending(path: "Config/two-regions.yaml"), encoding: .utf8)
        let read = try NodeConfiguration(yaml: text, file: "two-regions.yaml")
        #expect(try read.access(of: "meridian://shop/client/app-1", to: "NextContent").isAllowed)
        #expect(try !read.access(of: "meridian://shop/client/app-1", to: "Publish").isAllowed)
        #expect(try read.access(of: "meridian://shop/client/operator-ann", to: "Evacuate").isAllowed)
        #expect(try read.access(of: "meridian://shop/gcp-eu/n1", to: "Mirror/Pull").isAllowed)
        #expect(try !read.access(of: "meridian://shop/client/operator-ann", to: "Mirror/Pull").isAllowed)
        // The commented rules of the other example are right as well.
        let single = try String(contentsOf: root.appending(path: "Config/single-node.yaml"), encoding: .utf8)
        let lines = single.split(separator: "\n", omittingEmptySubsequences: false)
        let start = try #require(lines.firstIndex { $0.hasPrefix("# access:") })
        let rules = lines[start...].prefix { $0.hasPrefix("# ") }.map { String($0.dropFirst(2)) }
        let shown = try NodeConfiguration(
            yaml: Self.smallest.replacingOccurrences(of: "shop", with: "example") + Self.tls + "}\n"
                + rules.joined(separator: "\n") + "\n", file: "single-node.yaml")
        #expect(shown.access.rules.count == 5)
    }
}
