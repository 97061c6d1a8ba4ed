// The engine in memory, for the conformance suite.

package import EventLog
package import NodeEnvironment

package final class MemoryStage: EngineStage {
    private var memory: MemoryEngine
    package let executor: any NodeExecutor
    package let backlogBytes = 4 << 20

    package init(executor: any NodeExecutor) {
        self.executor = executor
        memory = MemoryEngine(backlogBytes: backlogBytes)
    }

    package var engine: any EventLogEngine { memory }

    package var holdsFlushes: Bool {
        get { memory.holdsFlushes }
        set {
            memory.holdsFlushes = newValue
            if !newValue { memory.flush() }
        }
    }

    package func fail() { memory.failFlushes() }

    package func restart(afterCleanStop: Bool) async throws {
        if afterCleanStop { await memory.close() }
        memory = memory.copy(afterCleanStop: afterCleanStop)
    }

    package func end() async { await memory.close() }
}
