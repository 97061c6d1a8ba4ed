// The engine in memory, on which the tests of shards stand, keeps the contract of EventLog.

import EventLogConformance
import NodeEnvironment
import SimulatedEnvironment
import Testing

@Suite struct MemoryEngineTests {
    @Test("S1, S6, S7, S8, S11: the contract in memory", arguments: EngineRule.all)
    func contract(rule: EngineRule) async throws {
        let stage = MemoryStage(executor: SteppedEnvironment(seed: 1).environment.executors.loops[0])
        let complaints = await rule.complaints(on: stage)
        #expect(complaints.isEmpty, "\(complaints.prefix(5))")
    }
}
