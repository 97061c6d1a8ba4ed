// A real node under load on a disk that fills up and is freed again (FAULTS 14): a small tmpfs in a mount namespace of the
// node's own, part of it taken by something that is not ours.

import ClusterModel
import Foundation
import Glibc
import HostEnvironment
import MeridianClient
import MeridianProtocol
import NodeEnvironment
import SegmentLog
import Synchronization
import Testing

@testable import OperatorCommands

extension FullDiskTests {
    private static let callers = 4
    private static let patience: Duration = .seconds(120)

    /// S6, S11: writes are refused with a reason of their own, reads go on, and once there is space appends resume by
    /// themselves; every event that was acknowledged before, between and after is in the journal, once.
    @Test(.enabled(if: MountNamespace.isAllowed, Comment(rawValue: MountNamespace.absence)))
    func appendsResumeAndNothingAcknowledgedIsLost() async throws {
        let mount = "mount -t tmpfs -o size=30m tmpfs \"$0\" && head -c 15000000 /dev/zero > \"$0/ballast\""
        let launcher = { (scratch: ScratchDirectory) in
            MountNamespace.launcher(mount, at: "\(scratch.path)/data")
        }
        // Control by age is off: beside all other tests this node is slow, and what is asked here is what the disk refuses.
        let extra = "  segment_bytes: 9437184\nlimits:\n  queue_target_ms: 0"
        try await RealNode.with(launcher: launcher, extra: extra) { real in
            try await real.node.start()
            let process = try #require(await real.node.identifier)
            // The node's own view of its disk.
            let disk = "/proc/\(process)/root\(real.scratch.path)/data"
            let client = try real.node.makeClient()
            let load = DiskLoad(client)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for caller in 0..<Self.callers { group.addTask { await load.run(caller) } }
                try await Self.wait(real, "writes are refused") { load.counts.refused > 0 }
                let before = load.counts
                #expect(before.acknowledged > 0)
                #expect(load.otherReasons.isEmpty, "\(load.otherReasons)")
                for reader in 0..<20 {
                    #expect(
                        (try? await client.nextContent(for: "reader-\(reader)")) != nil, "\(real.node.outputTail())")
                }
                #expect(try await client.status().state == .active)
                try FileManager.default.removeItem(atPath: "\(disk)/ballast")
                try await Self.wait(real, "appends resume") {
                    load.counts.acknowledged > before.acknowledged + 10 * DiskLoad.events
                }
                load.stop()
                try await group.waitForAll()
            }
            await client.close()
            // The disk ends with the process: what is on it is copied first, while it stands still.
            let copy = "\(real.scratch.path)/copy"
            kill(process, SIGSTOP)
            defer { kill(process, SIGCONT) }
            try FileManager.default.copyItem(atPath: disk, toPath: copy)
            let fold = try JournalFold(directory: copy, files: HostFileStore())
            let check = AcknowledgementCheck(load.acknowledged, in: fold)
            #expect(check.holds && check.acknowledged == load.acknowledged.count, "\(check.text)")
            #expect(fold.inspection.corruptRanges.isEmpty)
        }
    }

    private static func wait(_ real: RealNode, _ what: String, until holds: () -> Bool) async throws {
        let clock = real.environment.clock
        let end = clock.bootTime().advanced(by: patience)
        while !holds() {
            try #require(clock.bootTime() < end, "\(what): \(real.node.outputTail())")
            try await clock.sleep(for: .milliseconds(20))
        }
    }
}

/// Callers that report one batch of events after the other, and remember which were acknowledged.
private final class DiskLoad: Sendable {
    struct Counts: Sendable {
        var acknowledged = 0
        /// Reports refused with NO_SPACE.
        var refused = 0
    }

    private struct State {
        var acknowledged: [EventID] = []
        var refused = 0
        var otherReasons: Set<String> = []
        var isStopped = false
    }

    /// Of a report.
    static let events = 256

    private let client: MeridianClient
    private let state = Mutex(State())

    init(_ client: MeridianClient) { self.client = client }

    var counts: Counts {
        state.withLock { Counts(acknowledged: $0.acknowledged.count, refused: $0.refused) }
    }
    var acknowledged: [EventID] { state.withLock(\.acknowledged) }
    var otherReasons: Set<String> { state.withLock(\.otherReasons) }

    func stop() { state.withLock { $0.isStopped = true } }

    func run(_ caller: Int) async {
        var generator = SeededGenerator(seed: UInt64(caller))
        var number = 0
        while !state.withLock(\.isStopped) {
            number += 1
            let events = (0..<Self.events).map { _ in
                var event = Meridian_V1_Interaction()
                event.id = client.makeEventID()
                event.kind = .click
                event.contentID = (0..<7).map { _ in String(generator.next(), radix: 16) }.joined()
                return event
            }
            do throws(MeridianClientError) {
                let reply = try await client.report(
                    events, of: "user-\(caller)-\(number)", options: CallOptions(timeout: .seconds(1), retry: .never))
                let applied = reply.results.filter { $0.outcome == .applied }.map { EventID($0.id) }
                state.withLock { $0.acknowledged += applied }
            } catch {
                // What waited for the disk when it filled up is unknown at its deadline (S11).
                guard error.code != .deadlineExceeded else { continue }
                state.withLock { state in
                    if error.reason == "NO_SPACE" { state.refused += 1 } else { state.otherReasons.insert("\(error)") }
                }
            }
        }
    }
}
