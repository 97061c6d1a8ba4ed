// The contract of EventLog, kept by the journal: on a simulated disk, and on real files with real threads.

import EventLogConformance
import Foundation
import HostEnvironment
import NodeEnvironment
import SimulatedEnvironment
import Testing

@Suite struct ConformanceTests {
    @Test("S1, S6, S7, S8, S11: the contract on a simulated disk", arguments: EngineRule.all)
    func simulated(rule: EngineRule) async throws {
        let stage = try SegmentLogStage(directory: "journal", environment: SteppedEnvironment(seed: 1).environment)
        let complaints = await rule.complaints(on: stage)
        #expect(complaints.isEmpty, "\(complaints.prefix(5))")
    }

    @Test("S1, S6, S7, S8, S11: the contract on real files", arguments: EngineRule.all)
    func real(rule: EngineRule) async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "meridian-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }  // the system empties its temporary folder anyway
        let pool = EventLoopPool(count: 1)
        let environment = NodeEnvironment(
            clock: HostClock(), entropy: HostEntropy(), executors: pool, files: HostFileStore(), links: NoLinks())
        let stage = try SegmentLogStage(directory: path, environment: environment)
        let complaints = await rule.complaints(on: stage)
        #expect(complaints.isEmpty, "\(complaints.prefix(5))")
        try await pool.shutDown()
    }
}
