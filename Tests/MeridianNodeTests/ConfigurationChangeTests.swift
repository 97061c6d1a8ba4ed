// What a reload takes up, and what it says needs a restart.

import ClusterModel
import NodeEnvironment
import ServingAPI
import Testing

@testable import MeridianNode

@Suite struct ConfigurationChangeTests {
    private static let tls = "tls: {ca: ca.pem, certificate: n.pem, key: n.key}"
    private static let rules = """
        access:
          - {identities: ["meridian://shop/client/app-*"], roles: [app]}
        """

    private static func read(_ parts: String...) throws -> NodeConfiguration {
        let base = """
            deployment: {id: shop}
            region: {name: eu, number: 1}
            node: {name: n1}
            log: {directory: d}

            """
        return try NodeConfiguration(yaml: base + parts.joined(separator: "\n") + "\n", file: "node.yaml")
    }

    @Test func aListThatIsAddedIsTakenUpAndNamed() throws {
        let before = try Self.read(Self.tls)
        let after = try Self.read("tls: {ca: ca.pem, certificate: n.pem, key: n.key, crl: revoked.pem}")
        let change = ConfigurationChange(from: before, to: after)
        #expect(change.takenUp == ["tls.crl"] && change.needRestart.isEmpty)
        let next = before.taking(change, from: after)
        #expect(next.tls?.revocationPath == "revoked.pem")
        #expect(ConfigurationChange(from: next, to: after).takenUp.isEmpty, "it is in force")
    }

    @Test func everyPathOfTLSAndEveryRuleIsTakenUp() throws {
        let before = try Self.read(Self.tls, Self.rules)
        let after = try Self.read(
            "tls: {ca: x.pem, certificate: y.pem, key: z.key, allow_tls_1_2: true}",
            Self.rules + "\n  - {identities: [\"meridian://shop/client/op\"], roles: [operator]}")
        let change = ConfigurationChange(from: before, to: after)
        #expect(
            change.takenUp == [
                "access[1].groups", "access[1].identities", "access[1].roles", "access[1].topics", "tls.allow_tls_1_2",
                "tls.ca", "tls.certificate", "tls.key",
            ])
        #expect(change.needRestart.isEmpty)
        #expect(before.taking(change, from: after).access == after.access)
    }

    @Test func whatNeedsARestartIsNamedByKeyAtEveryReload() throws {
        let before = try Self.read(Self.tls)
        let after = try Self.read(
            Self.tls, "listen: {api: \"127.0.0.1:9000\"}", "limits: {users: 5}", "mirror: {lag_alarm_ms: 2000}")
        let change = ConfigurationChange(from: before, to: after)
        #expect(change.takenUp.isEmpty)
        #expect(change.needRestart == ["limits.users", "listen.api", "mirror.lag_alarm_ms"])
        let next = before.taking(change, from: after)
        #expect(ConfigurationChange(from: next, to: after).needRestart == change.needRestart)
    }

    /// A value that is written where it was left out changes nothing.
    @Test func aDefaultThatIsWrittenIsNoChange() throws {
        let change = ConfigurationChange(
            from: try Self.read(), to: try Self.read("listen: {api: \"127.0.0.1:7411\"}", "limits: {loops: 0}"))
        #expect(change.takenUp.isEmpty && change.needRestart.isEmpty)
    }

    @Test func securingLinksNeedsARestart() throws {
        let change = ConfigurationChange(from: try Self.read(), to: try Self.read(Self.tls, Self.rules))
        #expect(change.takenUp.isEmpty)
        #expect(change.needRestart.contains("tls.ca") && change.needRestart.contains("access[0].roles"))
        let none = try Self.read().taking(change, from: try Self.read(Self.tls, Self.rules))
        #expect(none.tls == nil && none.access.rules.isEmpty)
    }
}
