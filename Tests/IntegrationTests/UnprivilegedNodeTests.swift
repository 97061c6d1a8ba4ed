// A node without root's powers and without room: it serves, or says which limit stops it (FAULTS 3.2).

import Glibc
import MeridianClient
import MeridianProtocol
import NodeEnvironment
import Testing

@testable import OperatorCommands

@Suite(
    .serialized, .timeLimit(.minutes(5)),
    .enabled(if: BuiltExecutables.areThere, Comment(rawValue: BuiltExecutables.absence)))
struct UnprivilegedNodeTests {
    /// Takes every power of root's from what follows it; whoever is not root has none.
    private static var powerless: [String] {
        geteuid() == 0
            ? ["/usr/bin/setpriv", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"] : ["/usr/bin/env"]
    }

    /// A call of each kind, on both ports.
    private static func expectServing(_ real: RealNode) async throws {
        let client = try real.node.makeClient()
        var event = Meridian_V1_Interaction()
        event.kind = .click
        event.contentID = "content-1"
        let outcome = try await client.report([event], of: "user-1")
        #expect(outcome.results.count == 1)
        _ = try await client.nextContent(for: "user-1")
        #expect(try await client.status().state == .active)
        await client.close()
        let page = try RawConnection(port: real.node.adminEndpoint.port)
        page.send(Array("GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".utf8))
        #expect(page.text(withinMilliseconds: 20_000).hasPrefix("HTTP/1.1 200"))
        page.close()
    }

    /// A1: as an ordinary user every connection was closed, because TCP_NODELAY stood at the level of the socket, where its
    /// number is SO_DEBUG's.
    @Test func aNodeServesWithoutRootsPowers() async throws {
        try await RealNode.with(launcher: { _ in Self.powerless }) { real in
            try await real.node.start()
            try await Self.expectServing(real)
            try await real.node.stop()
        }
    }

    @Test(.enabled(if: MountNamespace.isAllowed, Comment(rawValue: MountNamespace.absence)))
    func aNodeServesOnAReadOnlyRoot() async throws {
        let launcher = { (scratch: ScratchDirectory) in
            MountNamespace.launcher(
                "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro / && ! touch /usr/written 2>/dev/null",
                at: scratch.path)
        }
        try await RealNode.with(launcher: launcher) { real in
            try await real.node.start()
            try await Self.expectServing(real)
            try await real.node.stop()
        }
    }
}
