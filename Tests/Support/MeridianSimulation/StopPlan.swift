// How the simulated node is asked to stop, and when: SIGTERM at moments of the seed's choice, on a disk that may stand still.

import ClusterModel
import MeridianNode
import NodeEnvironment
import SimulatedEnvironment

/// Stops and starts the node, and sees to it that each stop ends within its limit. What the process's watch does at that
/// limit is done here: it is allowed only where the disk does not answer.
struct StopPlan {
    private let run: NodeRun
    private let clock: any NodeClock
    private let ledger: EventLedger
    private var generator: SeededGenerator

    init(run: NodeRun, clock: any NodeClock, ledger: EventLedger, seed: UInt64) {
        self.run = run
        self.clock = clock
        self.ledger = ledger
        generator = SeededGenerator(seed: seed)
    }

    /// One stop and one start.
    mutating func strike() async throws {
        // Half of them while it starts, whose first step is the recovery of what stands there.
        let span: UInt64 = generator.next() % 2 == 0 ? 30_000 : 1_500_000
        try await clock.sleep(for: .microseconds(Int64(generator.next() % span)))
        let isStalled = generator.next() % 3 == 0
        if isStalled {
            run.machine.stallDisk(for: .milliseconds(Int64(100 + generator.next() % 30_000)))
            try await clock.sleep(for: .milliseconds(Int64(generator.next() % 50)))
        }
        try await stop(isStalled: isStalled)
        run.machine.stallDisk(for: .zero)
        if !run.machine.isUp { run.machine.restart() }
        run.start()
    }

    private func stop(isStalled: Bool) async throws {
        guard let task = run.machine.currentTask, task.outcome == nil else {
            return ledger.violated("run", "the node ended by itself: \(run.machine.currentTask?.outcome as Any)")
        }
        let limit = clock.bootTime().advanced(by: run.stopLimit)
        task.cancel()
        while task.outcome == nil, clock.bootTime() < limit { try await clock.sleep(for: .milliseconds(5)) }
        ledger.saw(isStalled ? .stoppedOnStalledDisk : .stopped)
        switch task.outcome {
        case nil:
            // The process ends itself; what it had written stays in the page cache.
            if !isStalled { ledger.violated("B15", "a node on a good disk has not stopped after \(run.stopLimit)") }
            run.machine.kill()
            ledger.saw(.stopForced)
        case .success?: if !run.hadServed { ledger.saw(.stoppedWhileStarting) }
        case .failure(let error as NodeError)? where isStalled && error.code == .stopUnfinished:
            run.machine.kill()
            ledger.saw(.stopForced)
        case .failure(let error)?: ledger.violated("B15", "a stop ended with \(error)")
        }
    }
}
