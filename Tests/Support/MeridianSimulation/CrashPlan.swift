// How the simulated machine dies, and when.

import ClusterModel
import NodeEnvironment
import SimulatedEnvironment

/// Kills and restarts the node's machine at moments of the seed's choice until it is told to stop.
struct CrashPlan {
    private let machine: SimulatedMachine
    private let clock: any NodeClock
    private let ledger: EventLedger
    private var generator: SeededGenerator

    /// A power cut that is armed and meets no file operation happens anyway after this long.
    private static let patience = Duration.milliseconds(400)

    init(machine: SimulatedMachine, clock: any NodeClock, ledger: EventLedger, seed: UInt64) {
        self.machine = machine
        self.clock = clock
        self.ledger = ledger
        generator = SeededGenerator(seed: seed)
    }

    /// One death and one restart. `start` starts the node on the new environment.
    mutating func strike(_ start: () -> Void) async throws {
        try await clock.sleep(for: .milliseconds(Int64(30 + generator.next() % 2_500)))
        if let outcome = machine.currentTask?.outcome {
            ledger.violated("run", "the node stopped by itself: \(outcome)")
        }
        switch generator.next() % 3 {
        case 0:
            machine.crash()
            ledger.saw(.powerCut)
        case 1:
            machine.kill()
            ledger.saw(.processKilled)
        default: try await cutPower()
        }
        try await clock.sleep(for: .milliseconds(Int64(generator.next() % 300)))
        machine.restart()
        start()
        // Now and then the start itself is what dies.
        guard generator.next() % 4 == 0 else { return }
        try await clock.sleep(for: .microseconds(Int64(generator.next() % 20_000)))
        try await cutPower()
        ledger.saw(.crashDuringStart)
        machine.restart()
        start()
    }

    private mutating func cutPower() async throws {
        machine.cutPower(afterFileOperations: Int(generator.next() % 24))
        let end = clock.bootTime().advanced(by: Self.patience)
        while machine.isUp, clock.bootTime() < end { try await clock.sleep(for: .milliseconds(1)) }
        if machine.isUp {
            machine.crash()
            ledger.saw(.powerCut)
        } else {
            ledger.saw(.powerCutInFileOperation)
        }
    }
}
