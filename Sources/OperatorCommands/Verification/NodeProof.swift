// The comparison at the end of a run: live node, its log folded from zero, and the node after another start.

import ClusterModel
package import MeridianClient
import MeridianProtocol
package import NodeEnvironment
import SegmentLog

/// Stops a node, checks its log, starts it again and stops it. Used by the quick start and by its proof.
package struct NodeProof: Sendable {
    package struct Verdict: Sendable {
        package var check: AcknowledgementCheck
        package var digestsEqual: Bool
        package var complaints: [String]

        package var holds: Bool { check.holds && digestsEqual && complaints.isEmpty }
    }

    private let node: NodeProcess
    private let environment: NodeEnvironment

    package init(node: NodeProcess, environment: NodeEnvironment) {
        self.node = node
        self.environment = environment
    }

    /// Traffic has ended; the node runs. Afterwards it is stopped. `acknowledged` is the path of the file of ids.
    package func compare(
        acknowledged: String, client: MeridianClient, say: @Sendable (String) async -> Void
    ) async throws -> Verdict {
        try await settle(client)
        let live = try await digest(client)
        try await node.stop()
        await say("node stopped; folding its log from the first record")
        let fold = try JournalFold(directory: node.journalPath, files: environment.files)
        let ids = try AcknowledgementFile.read(acknowledged, files: environment.files).map(\.id)
        let check = AcknowledgementCheck(ids, in: fold)
        let folded = DigestReport(fold)
        try await node.start()
        let restarted = try await digest(client)
        try await node.stop()
        var complaints: [String] = []
        let unequal = live.differences(from: folded)
        if !unequal.isEmpty { complaints.append("live node and fold differ in partitions \(unequal.prefix(8))") }
        let changed = restarted.differences(from: live)
        if !changed.isEmpty { complaints.append("a restart changed partitions \(changed.prefix(8))") }
        if !fold.inspection.corruptRanges.isEmpty {
            complaints.append("\(fold.inspection.corruptRanges.count) corrupt ranges in the log")
        }
        return Verdict(check: check, digestsEqual: unequal.isEmpty && changed.isEmpty, complaints: complaints)
    }

    /// Waits until nothing waits for the disk, so that the digest stands on what a stop keeps.
    private func settle(_ client: MeridianClient) async throws {
        let deadline = environment.clock.bootTime().advanced(by: QuickstartLimits.settle)
        while try await StatusCommand.ask(client, CallOptions()).unflushedRecords > 0 {
            guard environment.clock.bootTime() < deadline else { return }
            try await environment.clock.sleep(for: .milliseconds(20))
        }
    }

    private func digest(_ client: MeridianClient) async throws(OperatorFailure) -> DigestReport {
        try await DigestCommand.ask(client, [], CallOptions(timeout: QuickstartLimits.call))
    }
}
