// A disk that fills up under a real node: a tiny tmpfs in a mount namespace of the node's own.

import HostEnvironment
import MeridianClient
import MeridianProtocol
import NodeEnvironment
import Testing

@testable import OperatorCommands

@Suite(.serialized, .enabled(if: BuiltExecutables.areThere, Comment(rawValue: BuiltExecutables.absence)))
struct FullDiskTests {
    @Test(.enabled(if: MountNamespace.isAllowed, Comment(rawValue: MountNamespace.absence)))
    func aFullDiskRefusesWritesAndTheNodeStaysUp() async throws {
        let launcher = { (scratch: ScratchDirectory) in
            MountNamespace.launcher("mount -t tmpfs -o size=24m tmpfs \"$0\"", at: "\(scratch.path)/data")
        }
        try await RealNode.with(launcher: launcher, extra: "  segment_bytes: 9437184") { real in
            try await real.node.start()
            let client = try real.node.makeClient()
            let refusal = await Self.fill(client)
            #expect(refusal?.reason == "NO_SPACE", "\(String(describing: refusal)): \(real.node.outputTail())")
            // Reading goes on.
            let status = try await client.status()
            #expect(status.state == .active, "\(real.node.outputTail())")
            let alarm = status.alarms.first { $0.name == "disk_full" }
            #expect(alarm?.runbook.hasSuffix("disk-full.md") == true, "\(status.alarms.map(\.name))")
            #expect(alarm?.detail.contains("bytes free") == true, "\(alarm?.detail ?? "")")
            // Whatever shard it is for, a write is refused at once now instead of waiting for room until its deadline.
            for number in 0..<8 {
                let error = await #expect(throws: MeridianClientError.self) {
                    try await client.report(
                        [Self.event(client)], of: "late-\(number)",
                        options: CallOptions(timeout: .seconds(30), retry: .never))
                }
                #expect(error?.reason == "NO_SPACE", "\(String(describing: error))")
            }
            #expect((try? await client.nextContent(for: "reader")) != nil, "\(real.node.outputTail())")
            await client.close()
        }
    }

    /// A start that has no room for a segment says so and ends, instead of waiting unseen.
    @Test(.enabled(if: MountNamespace.isAllowed, Comment(rawValue: MountNamespace.absence)))
    func aStartWithoutRoomIsRefused() async throws {
        let launcher = { (scratch: ScratchDirectory) in
            MountNamespace.launcher("mount -t tmpfs -o size=6m tmpfs \"$0\"", at: "\(scratch.path)/data")
        }
        try await RealNode.with(launcher: launcher, extra: "  segment_bytes: 9437184") { real in
            await #expect(throws: OperatorFailure.self) { try await real.node.start() }
            #expect(real.node.outputTail().contains("no space for the log"), "\(real.node.outputTail())")
        }
    }

    private static func event(_ client: MeridianClient) -> Meridian_V1_Interaction {
        var event = Meridian_V1_Interaction()
        event.id = client.makeEventID()
        event.kind = .click
        event.contentID = "content"
        return event
    }

    /// Reports until the node refuses. What was appended when the disk filled up waits for space: its outcome is unknown
    /// at the deadline (S11); what comes after is refused.
    static func fill(
        _ client: MeridianClient,
        onAcknowledged: (_ events: [Meridian_V1_Interaction], _ user: String) -> Void = { _, _ in }
    ) async -> MeridianClientError? {
        var generator = SeededGenerator(seed: 5)
        for number in 0..<4_000 {
            let events = (0..<256).map { _ in
                var event = Meridian_V1_Interaction()
                event.id = client.makeEventID()
                event.kind = .click
                event.contentID = (0..<7).map { _ in String(generator.next(), radix: 16) }.joined()
                return event
            }
            do throws(MeridianClientError) {
                _ = try await client.report(
                    events, of: "user-\(number)", options: CallOptions(timeout: .seconds(1), retry: .never))
                onAcknowledged(events, "user-\(number)")
            } catch {
                if error.code != .deadlineExceeded { return error }
            }
        }
        return nil
    }
}
